/* SPDX-License-Identifier: MIT */
/* All of libherald. */
#ifndef HERALD_HERALD_H
#define HERALD_HERALD_H

#include <herald/ask.h>
#include <herald/bench.h>
#include <herald/doctor.h>
#include <herald/endpoint.h>
#include <herald/error.h>
#include <herald/histogram.h>
#include <herald/interface.h>
#include <herald/loss.h>
#include <herald/norm.h>
#include <herald/ping.h>
#include <herald/session.h>
#include <herald/socket.h>
#include <herald/types.h>

#endif
