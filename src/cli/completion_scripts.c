/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/completion_scripts.h"

#include <stddef.h>
#include <string.h>

#include "base/attr.h"

/* bash breaks words at : and =, and wants only what follows the last of them. */
static const char bash[] =
    "# bash completion for thole\n"
    "_thole() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} cut= breaks=${COMP_WORDBREAKS//[^:=]/} answer\n"
    "    local -a words\n"
    "    IFS=$' \\t\\n' read -r -a words <<<\"$line\"\n"
    "    [[ $line == *[[:blank:]] ]] && words+=(\"\")\n"
    "    local cur=${words[${#words[@]}-1]} program=${words[0]}\n"
    "    words=(\"${words[@]:1}\")\n"
    "    [[ -n $breaks && $cur == *[$breaks]* ]] && cut=${cur%\"${cur##*[$breaks]}\"}\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r answer; do\n"
    "        case $answer in\n"
    "        :files) compopt -o default; return ;;\n"
    "        :dirs) compopt -o dirnames; return ;;\n"
    "        :commands) mapfile -t COMPREPLY < <(compgen -c -- \"$cur\"); return ;;\n"
    "        ?*) answer=${answer%%$'\\t'*}; COMPREPLY+=(\"${answer#\"$cut\"}\") ;;\n"
    "        esac\n"
    "    done < <(\"$program\" completion answer -- \"${words[@]/#/=}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _thole thole\n";

static const char zsh[] =
    "#compdef thole\n"
    "# zsh completion for thole\n"
    "_thole() {\n"
    "    local line\n"
    "    local -a values texts given\n"
    "    given=(\"${(@)words[2,CURRENT]}\")\n"
    "    for line in \"${(@f)$(\"${words[1]}\" completion answer -- \"${(@)given/#/=}\" "
    "2>/dev/null)}\"; do\n"
    "        case $line in\n"
    "        :files) _files; return ;;\n"
    "        :dirs) _files -/; return ;;\n"
    "        :commands) _command_names -e; return ;;\n"
    "        ?*)\n"
    "            values+=(\"${line%%$'\\t'*}\")\n"
    "            texts+=(\"${${line%%$'\\t'*}}${${line#*$'\\t'}:+  -- ${line#*$'\\t'}}\") ;;\n"
    "        esac\n"
    "    done\n"
    "    (( ${#values} )) && compadd -l -d texts -a values\n"
    "}\n"
    "if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then\n"
    "    _thole \"$@\"\n"
    "else\n"
    "    compdef _thole thole\n"
    "fi\n";

static const char fish[] = "# fish completion for thole\n"
                           "function __thole_complete\n"
                           "    set -l words (commandline -opc)\n"
                           "    set -l current (commandline -ct)\n"
                           "    set -l program $words[1]\n"
                           "    set -e words[1]\n"
                           "    set -l answer ($program completion answer -- (string replace -r "
                           "'^' '=' -- $words \"$current\") 2>/dev/null)\n"
                           "    switch \"$answer[1]\"\n"
                           "        case :files\n"
                           "            __fish_complete_path \"$current\"\n"
                           "        case :dirs\n"
                           "            __fish_complete_directories \"$current\" ''\n"
                           "        case :commands\n"
                           "            complete -C \"$current\"\n"
                           "        case '*'\n"
                           "            test (count $answer) -gt 0; and printf '%s\\n' $answer\n"
                           "    end\n"
                           "end\n"
                           "complete -c thole -f -a '(__thole_complete)'\n";

const char *completion_script(const char *shell) {
    static const struct {
        const char *name, *text;
    } all[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; i < COUNT(all); i++)
        if (strcmp(all[i].name, shell) == 0)
            return all[i].text;
    return NULL;
}
