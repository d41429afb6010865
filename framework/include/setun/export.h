/* export.h - marks the functions that libsetun exports; everything else is hidden. */
#ifndef SETUN_EXPORT_H
#define SETUN_EXPORT_H
#define SETUN_API __attribute__((visibility("default")))
#endif
