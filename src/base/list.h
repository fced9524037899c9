/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive circular list. A head comments the member it links:  List targets; // Target.link  */
#pragma once

#include <stdbool.h>

#include "base/attr.h"

typedef struct List {
    struct List *prev, *next;
} List;

/* Also makes a member that is in no list: removing it is fine then. */
static inline void list_init(List *list) {
    list->prev = list->next = list;
}

static inline bool list_empty(const List *list) {
    return list->next == list;
}

static inline void list_insert_after(List *at, List *member) {
    member->prev = at;
    member->next = at->next;
    at->next->prev = member;
    at->next = member;
}

static inline void list_append(List *head, List *member) {
    list_insert_after(head->prev, member);
}

static inline void list_prepend(List *head, List *member) {
    list_insert_after(head, member);
}

static inline void list_remove(List *member) {
    member->prev->next = member->next;
    member->next->prev = member->prev;
    list_init(member);
}

#define LIST_ENTRY(node, var, member) \
    ((__typeof__(var))((void *)((char *)(node)-offsetof(__typeof__(*(var)), member))))

/* The body must not remove `var`. */
#define LIST_FOREACH(var, head, member)                                           \
    for ((var) = LIST_ENTRY((head)->next, var, member); &(var)->member != (head); \
         (var) = LIST_ENTRY((var)->member.next, var, member))

/* The body may remove and free `var`, but no other member. */
#define LIST_FOREACH_SAFE(var, head, member)                                          \
    for (__typeof__(var) next_##var = ((var) = LIST_ENTRY((head)->next, var, member), \
                                      LIST_ENTRY((var)->member.next, var, member));   \
         &(var)->member != (head);                                                    \
         (var) = next_##var, next_##var = LIST_ENTRY((var)->member.next, var, member))
