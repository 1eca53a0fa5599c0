/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing JSON (RFC 8259), value by value.
 * Writes to a stream and does nothing else; errors stay in the stream (ferror()).
 */
#include "json.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>

/*
 * The length of the UTF-8 sequence (RFC 3629) that @bytes begins with, or 0 when it is none: overlong
 * forms, surrogates and what lies behind U+10FFFF included. Stops at the terminator.
 */
static size_t utf8_length(const unsigned char *bytes)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (bytes[0] < 0x80)
		return 1;
	if (bytes[0] >= 0xc2 && bytes[0] <= 0xdf)
		length = 2;
	else if (bytes[0] >= 0xe0 && bytes[0] <= 0xef)
		length = 3;
	else if (bytes[0] >= 0xf0 && bytes[0] <= 0xf4)
		length = 4;
	else
		return 0;

	if (bytes[0] == 0xe0)
		low = 0xa0;
	if (bytes[0] == 0xed)
		high = 0x9f;
	if (bytes[0] == 0xf0)
		low = 0x90;
	if (bytes[0] == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < length; i++) {
		if (bytes[i] < low || bytes[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return length;
}

/* A byte that is not UTF-8 becomes U+FFFD: names of files may hold any bytes, JSON may not. */
static void write_string(FILE *out, const char *string)
{
	const unsigned char *p = (const unsigned char *)string;

	fputc('"', out);
	while (*p) {
		size_t length = utf8_length(p);

		if (length == 0)
			fputs("\\ufffd", out);
		else if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(out, "\\u%04x", *p);
		else
			fwrite(p, 1, length, out);
		p += length ? length : 1;
	}
	fputc('"', out);
}

static void begin_value(struct json *json, const char *key)
{
	if (json->comma)
		fputc(',', json->out);
	if (key) {
		write_string(json->out, key);
		fputc(':', json->out);
	}
	json->comma = true;
}

static void open_bracket(struct json *json, const char *key, char bracket)
{
	begin_value(json, key);
	fputc(bracket, json->out);
	json->comma = false;
	json->depth++;
}

/* The outermost value ends the line. */
static void close_bracket(struct json *json, char bracket)
{
	assert(json->depth > 0);
	fputc(bracket, json->out);
	json->comma = true;
	if (--json->depth == 0) {
		fputc('\n', json->out);
		json->comma = false;
	}
}

void json_object(struct json *json, const char *key)
{
	open_bracket(json, key, '{');
}

void json_object_end(struct json *json)
{
	close_bracket(json, '}');
}

void json_array(struct json *json, const char *key)
{
	open_bracket(json, key, '[');
}

void json_array_end(struct json *json)
{
	close_bracket(json, ']');
}

/* @value NULL is null. */
void json_string(struct json *json, const char *key, const char *value)
{
	begin_value(json, key);
	if (value)
		write_string(json->out, value);
	else
		fputs("null", json->out);
}

void json_number(struct json *json, const char *key, uint64_t value)
{
	begin_value(json, key);
	fprintf(json->out, "%" PRIu64, value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	begin_value(json, key);
	fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *key)
{
	json_string(json, key, NULL);
}

/* The whole answer of a verb that failed. */
void json_failure(FILE *out, const char *text)
{
	struct json json = JSON_NULL(out);

	json_object(&json, NULL);
	json_string(&json, "error", text);
	json_object_end(&json);
}
