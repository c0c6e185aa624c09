/* SPDX-License-Identifier: MIT */
/* Clouds by the names that their machines give themselves in DMI. */
#ifndef HD_DOCTOR_CLOUDS_H
#define HD_DOCTOR_CLOUDS_H

/* What a cloud does with multicast. */
struct hd_cloud {
    const char *vendor, *product, *asset; /* the texts begin so; NULL: any */
    const char *name;
    const char *multicast; /* what becomes of it there */
    const char *remedy;
};

/* The cloud of these DMI texts (sys_vendor, product_name, chassis_asset_tag); NULL: none that is known. */
const struct hd_cloud *hd_cloud_find(const char *vendor, const char *product, const char *asset);

#endif
