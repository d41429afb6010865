/** \file
 * export.h - marks the functions that libsetun exports; everything else is hidden. */
#ifndef SETUN_EXPORT_H
#define SETUN_EXPORT_H
#define SETUN_API __attribute__((visibility("default"))) /**< a public function; tests/abi/exports.txt lists them all */
#endif
