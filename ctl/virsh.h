/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virsh's words for networks that mean nothing here.
 */
#pragma once

const char *virsh_instead(const char *word);
