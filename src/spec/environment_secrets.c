/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/environment_secrets.h"

#include <ctype.h>
#include <string.h>

#include "spec/mask_forms.h"

static bool is_one_of(const StrMap *secrets, const char *value) {
    for (size_t i = 0; i < secrets->n; i++)
        if (strcmp(secrets->at[i].value, value) == 0)
            return true;
    return false;
}

bool environment_is_secret(const EnvironmentEntry *entry, const char *value) {
    if (!*value)
        return false;
    for (size_t i = 0; i < entry->outputs.n; i++)
        if (is_one_of(&entry->outputs.at[i].values, value))
            return true;
    return is_one_of(&entry->values, value);
}

/* Of lower case letters, of upper case ones, or of digits alone, and of what joins them. */
bool environment_is_ordinary(const char *value) {
    bool lower = false, upper = false, digit = false;
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        lower |= islower(c) != 0;
        upper |= isupper(c) != 0;
        digit |= isdigit(c) != 0;
        if (!isalnum(c) && !strchr("._-/", c))
            return false;
    }
    return lower + upper + digit <= 1;
}

static void add(MaskForms *forms, const StrMap *secrets, bool lines) {
    for (size_t i = 0; i < secrets->n; i++) {
        const char *value = secrets->at[i].value;
        if ((strchr(value, '\n') != NULL) == lines && !environment_is_ordinary(value))
            mask_forms_add(forms, value);
    }
}

/* Each line of a value is a form: those come last. */
StrList environment_mask_forms(const EnvironmentEntry *entry, Arena *arena) {
    MaskForms forms;
    mask_forms_init(&forms, arena);
    for (int lines = 0; lines < 2; lines++) {
        for (size_t i = 0; i < entry->outputs.n; i++)
            add(&forms, &entry->outputs.at[i].values, lines);
        add(&forms, &entry->values, lines);
    }
    StrList list = forms.list;
    mask_forms_deinit(&forms);
    list.n = list.n < MASK_FORMS_MAX ? list.n : MASK_FORMS_MAX;
    return list;
}
