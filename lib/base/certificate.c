/* SPDX-License-Identifier: PostgreSQL */
/*
 * From PEM to DER, and in DER down to the validity (RFC 5280, 4.1):
 *   Certificate { TBSCertificate { [0] version, serialNumber, signature,
 *   issuer, validity { notBefore, notAfter }, …
 */
#include "base/certificate.h"

#include <string.h>

/* Larger than any certificate that a server would send. */
#define DER_MAX (64 * 1024)

enum tag {
	TAG_INTEGER = 0x02,
	TAG_UTC_TIME = 0x17,
	TAG_GENERALIZED_TIME = 0x18,
	TAG_SEQUENCE = 0x30,
	TAG_VERSION = 0xA0,
};

/* ---- PEM ------------------------------------------------------------------------------ */

static int
base64_digit(char byte)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = byte != '\0' ? strchr(digits, byte) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* Up to the first byte that is neither a digit nor the end of a line. */
static size_t
base64_read(const char *at, const char *end, unsigned char *to, size_t room)
{
	uint32_t bits = 0;
	unsigned count = 0;
	size_t used = 0;

	for (; at < end && used < room; at++) {
		int digit = base64_digit(*at);

		if (digit < 0 && *at != '\n' && *at != '\r')
			break;
		if (digit < 0)
			continue;
		bits = bits << 6 | (uint32_t)digit;
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		to[used++] = (unsigned char)(bits >> count);
	}
	return used;
}

/* ---- DER ------------------------------------------------------------------------------ */

struct der {
	const unsigned char *at, *end;
};

/* Of at most three bytes after the first; false when it does not fit. */
static bool
der_length(struct der *from, size_t *length)
{
	unsigned more = 0;

	if (from->at == from->end)
		return false;
	*length = *from->at++;
	if (*length < 0x80)
		return true;
	more = (unsigned)*length & 0x7F;
	if (more == 0 || more > 3 || (size_t)(from->end - from->at) < more)
		return false;
	for (*length = 0; more > 0; more--)
		*length = *length << 8 | *from->at++;
	return true;
}

/* One element that begins with `tag`; `from` goes on behind it. */
static bool
der_take(struct der *from, enum tag tag, struct der *inside)
{
	size_t length = 0;

	if (from->at == from->end || *from->at != tag)
		return false;
	from->at++;
	if (!der_length(from, &length) || length > (size_t)(from->end - from->at))
		return false;
	*inside = (struct der){.at = from->at, .end = from->at + length};
	from->at += length;
	return true;
}

static bool
der_validity(struct der der, struct der *validity)
{
	struct der certificate, body, skipped;

	if (!der_take(&der, TAG_SEQUENCE, &certificate) ||
	    !der_take(&certificate, TAG_SEQUENCE, &body))
		return false;
	der_take(&body, TAG_VERSION, &skipped); /* the first version has none */
	return der_take(&body, TAG_INTEGER, &skipped) && der_take(&body, TAG_SEQUENCE, &skipped) &&
	       der_take(&body, TAG_SEQUENCE, &skipped) && der_take(&body, TAG_SEQUENCE, validity);
}

/* ---- time ----------------------------------------------------------------------------- */

/* `count` decimal digits; false when there are none. */
static bool
take_digits(struct der *from, unsigned count, int64_t *value)
{
	*value = 0;
	if ((size_t)(from->end - from->at) < count)
		return false;
	for (; count > 0; count--, from->at++) {
		if (*from->at < '0' || *from->at > '9')
			return false;
		*value = *value * 10 + (*from->at - '0');
	}
	return true;
}

/* Days since 1970 of a date of the Gregorian calendar; its year begins in March, so that the day
 * that some years have more is the last one. */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t shifted = (month + 9) % 12;

	if (month < 3)
		year--;
	return year * 365 + year / 4 - year / 100 + year / 400 + (153 * shifted + 2) / 5 + day - 1 -
	       719468;
}

static bool
read_time(struct der time, unsigned year_digits, int64_t *seconds)
{
	int64_t year, month, day, hour, minute, second;

	if (!take_digits(&time, year_digits, &year) || !take_digits(&time, 2, &month) ||
	    !take_digits(&time, 2, &day) || !take_digits(&time, 2, &hour) ||
	    !take_digits(&time, 2, &minute) || !take_digits(&time, 2, &second) ||
	    time.end - time.at != 1 || *time.at != 'Z' || month < 1 || month > 12)
		return false;
	if (year_digits == 2)
		year += year < 50 ? 2000 : 1900;
	*seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	return true;
}

static bool
take_time(struct der *from, int64_t *seconds)
{
	struct der time;

	if (der_take(from, TAG_UTC_TIME, &time))
		return read_time(time, 2, seconds);
	return der_take(from, TAG_GENERALIZED_TIME, &time) && read_time(time, 4, seconds);
}

bool
certificate_expiry(const char *pem, size_t length, int64_t *expiry)
{
	static const char head[] = "-----BEGIN CERTIFICATE-----";
	unsigned char bytes[DER_MAX];
	struct der der, validity;
	const char *at = memmem(pem, length, head, sizeof(head) - 1);
	int64_t begins = 0;

	if (at == NULL)
		return false;
	at += sizeof(head) - 1;
	der.at = bytes;
	der.end = bytes + base64_read(at, pem + length, bytes, sizeof(bytes));
	return der_validity(der, &validity) && take_time(&validity, &begins) &&
	       take_time(&validity, expiry);
}
