/* SPDX-License-Identifier: MIT */
/* The numbers of RFC 5740's messages: between decoder and encoder, of no interest elsewhere. */
#ifndef HD_WIRE_INTERNAL_H
#define HD_WIRE_INTERNAL_H

enum { HD_NORM_VERSION = 1 };

/* RFC 5740 section 4.1 */
enum {
    HD_TYPE_INFO = 1,
    HD_TYPE_DATA = 2,
    HD_TYPE_COMMAND = 3,
    HD_TYPE_NACK = 4,
    HD_TYPE_ACK = 5,
    HD_TYPE_REPORT = 6,
};

/* Section 4.2.3 */
enum {
    HD_COMMAND_FLUSH = 1,
    HD_COMMAND_EOT = 2,
    HD_COMMAND_SQUELCH = 3,
    HD_COMMAND_CC = 4,
    HD_COMMAND_REPAIR_ADV = 5,
    HD_COMMAND_ACK_REQ = 6,
    HD_COMMAND_APPLICATION = 7,
};

/* Header extension types; from HD_HET_SHORT on one word long, without a length. */
enum {
    HD_HET_AUTH = 1,
    HD_HET_CC = 3,
    HD_HET_FTI = 64,
    HD_HET_APPLICATION = 65,
    HD_HET_DELIVERY = 66, /* ours; nobody has registered it */
    HD_HET_SHORT = 128,
    HD_HET_RATE = 128,
};

/* Lengths of header extensions, in words. */
enum {
    HD_HEL_CC = 3,
    HD_HEL_DELIVERY = 4,
    HD_HEL_FTI_RS_8 = 3,
    HD_HEL_FTI_LONG = 4, /* fec_id 2 and 129 */
};

/* What FTI of fec_id 2 says in front of the segment size: m = 8 bits a symbol, G = 1 symbol a packet. */
enum { HD_FTI_RS_2M_CODE = 8 << 8 | 1 };

/* Of an item in front of its payload id: fec_id, reserved, object. */
enum { HD_ITEM_HEAD_BYTES = 4, HD_REQUEST_HEAD_BYTES = 4 };

#endif
