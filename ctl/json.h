/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing JSON, value by value.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * A writer. Inside an object every value has a key; inside an array, and outside everything, the key
 * is NULL. Commas are the writer's business.
 */
struct json {
	FILE *out;		/* borrowed */
	unsigned int depth;
	bool comma;		/* a value stands before the next one */
};

#define JSON_NULL(_out) (struct json){ .out = (_out) }

void json_object(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array(struct json *json, const char *key);
void json_array_end(struct json *json);
void json_string(struct json *json, const char *key, const char *value);
void json_number(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

void json_failure(FILE *out, const char *text);
