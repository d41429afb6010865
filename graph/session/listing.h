/* listing.h - what the planner decides, told to the caller of setun_session_list_plan. Internal. */
#ifndef SETUN_SESSION_LISTING_H
#define SETUN_SESSION_LISTING_H
#include "plan/planner.h"

typedef struct setun_session_listing {
    setun_plan_sink             *sink;
    void                        *context;
    setun_status                 status;  /* the first that the sink returned but SETUN_OK; then it is called no more */
    setun_error                  error;
} setun_session_listing;

/* A setun_planner_told; context is the listing. */
void setun_session_list_choice(void *context, const setun_planner_choice *choice);
#endif
