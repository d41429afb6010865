/** \file
 * config.h - runtime settings from a file (YAML): what the options of a session would say, and which kernels run what. */
#ifndef SETUN_CONFIG_H
#define SETUN_CONFIG_H
#include "setun/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The settings of a file; opaque, constant. */
typedef struct setun_config setun_config;

/** Reads a file of settings. Every key is checked; one that is not known is an error. Whether backends, kernels and weights of those names
 * exist is found when a session is created.
 * \param path             the file
 * \param[out] out_config  the caller's, for setun_config_close
 * \param[out] error       the reason on failure, `path:line:column: ...`; may be NULL
 * \return SETUN_OK; SETUN_ERR_NOT_FOUND, SETUN_ERR_IO; SETUN_ERR_FORMAT: what stands there is wrong; SETUN_ERR_NOMEM */
SETUN_API setun_status setun_config_open(const char *path, setun_config **out_config, setun_error *error);

/** Frees it.
 * \param config  may be NULL */
SETUN_API void setun_config_close(setun_config *config);

/** Puts what the file says into options; what it does not say stays. Set what shall win over the file afterwards.
 * \param config       borrowed: it must outlive the use of the options
 * \param[out] options  changed where the file has a key for it */
SETUN_API void setun_config_apply(const setun_config *config, setun_session_options *options);

/** The model that the file names.
 * \param config  any
 * \return for setun_model_open, the config's own; NULL: none is named */
SETUN_API const char *setun_config_model(const setun_config *config);

/** The file of measured times that the file names.
 * \param config  any
 * \return for setun_tuning_open, or "none" for no times, the config's own; NULL: none is named */
SETUN_API const char *setun_config_tuning(const setun_config *config);

/** The folders of plugins that the file names.
 * \param config  any
 * \return for the plugin_path of setun_model_options and the path of setun_plugins_options, the config's own; NULL: none is named, or the
 *         environment has SETUN_PLUGIN_PATH, which wins over the file */
SETUN_API const char *setun_config_plugin_path(const setun_config *config);

#ifdef __cplusplus
}
#endif
#endif
