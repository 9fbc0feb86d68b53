/* heist data */
#include <stdio.h>

#include "data/fetch.h"
#include "experiments/cmd.h"

int cmd_data(int argc, char **argv)
{
    const char *list = NULL;
    const struct cmd_flag flags[] = {{"--list", NULL, "say what is on this machine, where, and how to get what is not", &list, 0, NULL}, CMD_END};
    struct cmd c = {.usage = "data NAME... | data --list", .about = "Gets data sets and verifies them: heist list datasets.", .flags = flags, .most = 64};
    int code = cmd_parse(&c, argc, argv);
    if (!code && (list || !c.words)) data_list(stdout);
    for (int i = 0; i < c.words && !code; i++) code = data_get(c.word[i]);
    return cmd_exit("data", code);
}
