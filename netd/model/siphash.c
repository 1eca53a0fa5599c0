/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A keyed hash: names to numbers that stay the same and do not tell the key.
 * Pure: no system calls.
 *
 * SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012). The machine id is the key,
 * because machine-id(5) asks not to give it away: guests see what is derived from it.
 */
#include "siphash.h"

#include <endian.h>
#include <string.h>

static uint64_t read_le64(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return le64toh(value);
}

static uint64_t rotate(uint64_t value, unsigned int bits)
{
	return value << bits | value >> (64 - bits);
}

static void mix(uint64_t v[static 4], unsigned int rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[0] = rotate(v[0], 32);
		v[2] += v[3];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

static void absorb(uint64_t v[static 4], uint64_t word)
{
	v[3] ^= word;
	mix(v, 2);
	v[0] ^= word;
}

/* Hashes @length bytes. The result is the same on every machine. */
uint64_t siphash24(const void *bytes, size_t length, const uint8_t key[static SIPHASH_KEY_SIZE])
{
	uint64_t k0 = read_le64(key), k1 = read_le64(key + 8);
	uint64_t v[4] = {
		k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
		k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573,
	};
	const uint8_t *p = bytes;
	uint8_t last[8] = { 0 };
	size_t left = length;

	for (; left >= 8; left -= 8, p += 8)
		absorb(v, read_le64(p));
	if (left > 0)
		memcpy(last, p, left);
	last[7] = (uint8_t)length;
	absorb(v, read_le64(last));

	v[2] ^= 0xff;
	mix(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
