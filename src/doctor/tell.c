/* SPDX-License-Identifier: MIT */
/* What this host tells another one about itself: checks that read, and nothing else. */
#include "checks.h"
#include "examination.h"
#include "rules.h"
#include "told.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* ---- a check of its own ---------------------------------------------------------------------- */

/*
 * Requests of the other host come by unicast, and those to the group do not: if a chain of the firewall here may drop
 * them, it is the likely reason. That it does cannot be seen without sending.
 */
static void look_at_firewall(struct hd_examination *examination)
{
    static const struct hd_check check = { .name = "firewall", .what = "firewall, data" };
    const struct herald_endpoint *endpoint = &examination->facts.endpoint;
    struct herald_finding *finding;
    char group[HERALD_ADDRESS_TEXT_BYTES];
    char source[HERALD_ADDRESS_TEXT_BYTES];
    char name[3 * HD_CHAIN_NAME_BYTES];
    char match[128];
    struct hd_chains chains;

    if (!examination->facts.net_admin || hd_chains_read(&chains) < 0 ||
        hd_chains_name(&chains, endpoint->group.family, HD_PLACE_IN, name)[0] == '\0')
        return;
    finding = hd_report(examination, &check, HERALD_FINDING_FAULT, NULL);
    hd_say(finding->seen, "requests of %s come by unicast and not to %s, and the chain %s may drop them",
           hd_address_text(&examination->facts.remote_source, source), hd_group_text(examination, group), name);
    hd_say(finding->meaning, "a firewall keeps the group's data from the programs there");
    (void)snprintf(match, sizeof match, "%s daddr %s udp dport %u", hd_is_ipv6(examination) ? "ip6" : "ip", group,
                   endpoint->port);
    finding->remedy_is_command = hd_chains_remedy(&chains, endpoint->group.family, HD_PLACE_IN, match,
                                                  finding->remedy) > 0;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Of the table those that only read. */
static void run_passive(struct hd_examination *examination)
{
    static const char *const passive[] = { "interface", "address", "rp_filter", "reuseport", "buffer", "igmp_version" };
    bool ipv6 = hd_is_ipv6(examination);

    for (const struct hd_check *check = hd_checks; check->name != NULL; check++) {
        bool is_passive = false;

        for (size_t i = 0; i < sizeof passive / sizeof *passive; i++)
            is_passive = is_passive || strcmp(check->name, passive[i]) == 0;
        if (is_passive && !(ipv6 && (check->needs & HD_NEEDS_IPV4) != 0) &&
            (examination->facts.interface_found || (check->needs & (HD_NEEDS_INTERFACE | HD_NEEDS_NETWORK)) == 0))
            (void)check->run(examination, check); /* what cannot be looked at is not told */
    }
}

int herald_doctor_tell(const struct herald_endpoint *endpoint, const struct herald_responder_question *question,
                       char *ret_text, size_t size_bytes)
{
    struct herald_endpoint examined = *endpoint;
    char interface[IF_NAMESIZE];
    struct herald_doctor_config config = { .endpoint = &examined };
    struct hd_examination *examination;
    struct herald_error error;
    herald_doctor *doctor;
    size_t length;
    int result;

    if (size_bytes < 64)
        return -ENOBUFS;
    if (question->asker.address.family == endpoint->group.family)
        examined.source = question->asker.address;
    /* It hears the asker by the interface that brought the question. */
    if (question->asker.interface_index != 0 && if_indextoname(question->asker.interface_index, interface) != NULL) {
        config.interface = interface;
        examined.interface[0] = '\0';
    }
    result = herald_doctor_new(&doctor, &config, &error);
    if (result < 0)
        return result;
    examination = hd_doctor_examination(doctor);
    examination->passive = true;
    examination->facts.endpoint.source = endpoint->source; /* the asker's is one to be let in, not one that is wanted */
    run_passive(examination);
    if (!question->hears_group)
        look_at_firewall(examination);
    length = hd_told_write(ret_text, size_bytes, examination->findings, examination->finding_count);
    (void)herald_doctor_free(doctor);
    return (int)length;
}
