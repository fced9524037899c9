/* SPDX-License-Identifier: Apache-2.0 */
/* Leases of ports, as tests of stores write and read them. */
#pragma once

#include "environments.h"

/* Of the service of the config `file`, drawn. */
Lease port_lease(const char *file, const char *service, int64_t port);
int lease_port(Store *store, const char *file, const char *service, int64_t port);
Leases all_leases(Store *store);
