/* SPDX-License-Identifier: Apache-2.0 */
/* A session takes up what its config file says now. What has not changed is not touched; what is
 * bad changes nothing and is the failed state of tiltfile:update. */
#pragma once

#include "engine/engine.h"
#include "plan/reload.h"

/* Reads the file again and does what follows. ERR_INVALID with `report`: the file is bad, and
 * nothing else has changed. */
MUST int session_reload(Session *session, Report *report, Err *err);
/* What creating the session, or taking up the file and starting what is named, would do; lives in
 * the report's arena. Nothing is changed. */
MUST int session_preview(Engine *engine, const SessionAsk *ask, Report *report, ReloadPlan *ret,
                         Err *err);

/* Has the present generation services that the file has no more? Those of which nothing is left go;
 * true: something has changed. */
bool session_drop_leaving(Session *session);
