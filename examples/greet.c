/* SPDX-License-Identifier: MIT */
/* Delivers a few bytes to everyone who is there. The README shows it from here on. */
#include <herald/herald.h>
#include <stdio.h>

int main(void)
{
    struct herald_delivery_config config = { 0 }; /* what is not set has its default */
    herald_delivery *delivery = NULL;
    struct herald_error error;
    int missing = herald_endpoint_parse("239.1.2.3:10000", &config.endpoint, &error);

    if (missing == 0 && (missing = herald_delivery_new(&delivery, &config, &error)) == 0 &&
        (missing = herald_delivery_add_bytes(delivery, "greeting", "hello", 5, &error)) == 0)
        missing = herald_delivery_run(delivery, NULL, NULL, &error);
    if (missing < 0)
        printf("%s\n", error.cause);
    else if (missing > 0)
        printf("%d lack it\n", missing);
    else
        printf("all who are there have it\n");
    herald_delivery_free(delivery);
    return missing != 0;
}
