/* SPDX-License-Identifier: Apache-2.0 */
#include "port_leases.h"

#include "harness/test.h"

Lease port_lease(const char *file, const char *service, int64_t port) {
    return (Lease){.owner = {.file = file, .session = "", .slug = file + 1},
                   .service = service,
                   .name = "",
                   .port = port,
                   .automatic = true};
}

int lease_port(Store *store, const char *file, const char *service, int64_t port) {
    Lease one = port_lease(file, service, port);
    return store_lease(store, &(Leases){&one, 1}, &err);
}

Leases all_leases(Store *store) {
    Leases leases = {0};
    if (store_leases(store, &arena, &leases, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    return leases;
}
