/* SPDX-License-Identifier: MIT */
#include "quant.h"

enum { RTT_STEPS = 256, RTT_LINEAR_STEPS = 32 };

/*
 * RFC 5401 section 3.7: q + 1 us for q < 32, then 1000 s / e^((255 - q) / 13), here in ns and rounded down. So the
 * least q whose entry reaches an RTT is ceil(255 - 13 ln(1000 s / RTT)), for every RTT of whole nanoseconds.
 */
static const uint64_t steps_ns[RTT_STEPS] = {
    1000,         2000,         3000,         4000,         5000,         6000,         7000,         8000,
    9000,         10000,        11000,        12000,        13000,        14000,        15000,        16000,
    17000,        18000,        19000,        20000,        21000,        22000,        23000,        24000,
    25000,        26000,        27000,        28000,        29000,        30000,        31000,        32000,
    35495,        38334,        41399,        44709,        48284,        52145,        56314,        60817,
    65680,        70932,        76604,        82729,        89344,        96488,        104203,       112535,
    121533,       131251,       141745,       153079,       165319,       178538,       192814,       208231,
    224881,       242862,       262281,       283253,       305902,       330361,       356777,       385304,
    416113,       449385,       485317,       524123,       566031,       611291,       660169,       712955,
    769963,       831528,       898016,       969821,       1047367,      1131113,      1221556,      1319231,
    1424715,      1538634,      1661661,      1794526,      1938015,      2092977,      2260329,      2441063,
    2636248,      2847039,      3074686,      3320535,      3586041,      3872778,      4182441,      4516865,
    4878029,      5268071,      5689301,      6144212,      6635497,      7166065,      7739056,      8357863,
    9026150,      9747872,      10527302,     11369054,     12278113,     13259858,     14320103,     15465124,
    16701700,     18037152,     19479384,     21036936,     22719029,     24535620,     26497463,     28616174,
    30904295,     33375371,     36044032,     38926077,     42038567,     45399929,     49030062,     52950457,
    57184323,     61756724,     66694730,     72027574,     77786826,     84006583,     90723666,     97977839,
    105812049,    114272675,    123409804,    133277528,    143934266,    155443106,    167872181,    181295073,
    195791245,    211446517,    228353569,    246612492,    266331381,    287626971,    310625336,    335462627,
    362285883,    391253900,    422538171,    456323900,    492811103,    532215785,    574771227,    620729359,
    670362258,    723963753,    781851171,    844367208,    911881965,    984795135,    1063538368,   1148577832,
    1240416966,   1339599466,   1446712499,   1562390183,   1687317339,   1822233545,   1967937516,   2125291830,
    2295228039,   2478752176,   2676950720,   2890997021,   3122158250,   3371802900,   3641408886,   3932572297,
    4247016844,   4586604061,   4953344333,   5349408789,   5777142164,   6239076671,   6737946999,   7276706499,
    7858544670,   8486906038,   9165510554,   9898375607,   10689839816,  11544588712,  12467682474,  13464585890,
    14541200706,  15703900565,  16959568741,  18315638888,  19780139048,  21361739175,  23069802465,  24914440787,
    26906574544,  29057997322,  31381445714,  33890674714,  36600539154,  39527081643,  42687627542,  46100887528,
    49787068367,  53767992539,  58067227423,  62710224828,  67724471659,  73139652649,  78987826094,  85303613635,
    92124405229,  99490580494,  107445747763, 116037002247, 125315204844, 135335283236, 146156557071, 157843089134,
    170464064608, 184094200653, 198814188738, 214711172341, 231879262848, 250420096693, 270443437062, 292067823691,
    315421274638, 340642044157, 367879441171, 397294713197, 429062000943, 463369369231, 500419920360, 540432996486,
    583645478143, 630313186596, 680712398323, 735141480591, 793922657817, 857403919160, 925961078642, 1000000000000,
};

static const uint64_t powers_of_ten[] = {
    UINT64_C(1),
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
};
enum { POWERS = sizeof(powers_of_ten) / sizeof(powers_of_ten[0]) };

/* The decimal exponent of value: 0 for 0..9, 1 for 10..99. */
static unsigned exponent_of(uint64_t value)
{
    unsigned exponent = 0;

    while (exponent + 1 < POWERS && value >= powers_of_ten[exponent + 1])
        exponent++;
    return exponent;
}

uint8_t hd_rtt_encode(uint64_t rtt_ns)
{
    unsigned low = RTT_LINEAR_STEPS, high = RTT_STEPS - 1;

    if (rtt_ns < HD_RTT_MIN_NS)
        rtt_ns = HD_RTT_MIN_NS;
    if (rtt_ns < (RTT_LINEAR_STEPS + 1) * HD_RTT_MIN_NS)
        return (uint8_t)(rtt_ns / HD_RTT_MIN_NS - 1);
    /* The first entry that is not below rtt_ns; the last one, if all are. */
    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (steps_ns[middle] < rtt_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return (uint8_t)low;
}

uint64_t hd_rtt_decode_ns(uint8_t quantised)
{
    return steps_ns[quantised];
}

/* Our rounding, RFC 5740 has none: one digit of mantissa; 1 stays, 2 to 5 become 5, more the next power of ten. */
uint8_t hd_gsize_encode(uint64_t receivers)
{
    unsigned exponent;
    uint64_t mantissa;

    if (receivers <= HD_GROUP_MIN)
        return 0;
    if (receivers >= HD_GROUP_MAX)
        return 0x0f;
    exponent = exponent_of(receivers);
    mantissa = (receivers + powers_of_ten[exponent] / 2) / powers_of_ten[exponent];
    if (mantissa > 5)
        return (uint8_t)exponent;
    return (uint8_t)(mantissa > 1 ? 0x08 | (exponent - 1) : exponent - 1);
}

uint64_t hd_gsize_decode(uint8_t quantised)
{
    return powers_of_ten[(quantised & 0x07) + 1] * (quantised & 0x08 ? 5 : 1);
}

/*
 * RFC 5740 section 4.2.3: rate = mantissa * 10 / 4096 * 10^exponent. From here on 10^(exponent + 1) is a multiple of
 * 4096, and below it 4096 times the rate fits 64 bits: nothing is lost either way.
 */
enum { RATE_MANTISSA_ONE = 4096, RATE_EXPONENT_EXACT = 11 };

uint16_t hd_rate_encode(uint64_t rate_bps)
{
    unsigned exponent;
    uint64_t mantissa, unit;

    if (rate_bps > HD_RATE_MAX_BPS)
        rate_bps = HD_RATE_MAX_BPS;
    exponent = exponent_of(rate_bps);
    unit = powers_of_ten[exponent + 1];
    if (exponent >= RATE_EXPONENT_EXACT) {
        unit /= RATE_MANTISSA_ONE;
        mantissa = (rate_bps + unit / 2) / unit;
    } else {
        mantissa = (rate_bps * RATE_MANTISSA_ONE + unit / 2) / unit;
    }
    /* 9.9999 rounds up to ten: one of the next power. */
    if (mantissa == RATE_MANTISSA_ONE) {
        exponent++;
        mantissa = (RATE_MANTISSA_ONE + 5) / 10;
    }
    return (uint16_t)(mantissa << 4 | exponent);
}

uint64_t hd_rate_decode_bps(uint16_t quantised)
{
    uint64_t mantissa = quantised >> 4;
    unsigned exponent = quantised & 0x0f;
    uint64_t unit = powers_of_ten[exponent + 1];

    if (exponent >= RATE_EXPONENT_EXACT)
        return mantissa * (unit / RATE_MANTISSA_ONE);
    return (mantissa * unit + RATE_MANTISSA_ONE / 2) / RATE_MANTISSA_ONE;
}

uint16_t hd_loss_encode(uint32_t loss)
{
    /* UINT32_MAX is 65535 * 65537. */
    return (uint16_t)(((uint64_t)loss + 65537 / 2) / 65537);
}

uint32_t hd_loss_decode(uint16_t quantised)
{
    return quantised * UINT32_C(65537);
}
