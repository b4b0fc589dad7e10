/* SPDX-License-Identifier: PostgreSQL */
/* When a certificate ends, as openssl says it, and that no damage to one is read beyond its end. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/certificate.h"
#include "base/pure/text.h"
#include "unit/suite.h"

/* openssl x509 -enddate: Sep 20 19:45:13 2027 GMT */
static const char short_lived[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBbTCCAROgAwIBAgIUO58enTCNuhXxpZ/celjH16o7b8cwCgYIKoZIzj0EAwIw\n"
	"DDEKMAgGA1UEAwwBbjAeFw0yNjExMjQxOTQ1MTNaFw0yNzA5MjAxOTQ1MTNaMAwx\n"
	"CjAIBgNVBAMMAW4wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQMQqUmKHXjSg1U\n"
	"49NVjCcUsHeoDgHOsk7vowp59TPDQgEYs4eAYFLPQracw7n5vsBWisHLOkfUPzeH\n"
	"7dk1q9Vfo1MwUTAdBgNVHQ4EFgQU82VFMO5arc+rhBteeT9+sN+LnwIwHwYDVR0j\n"
	"BBgwFoAU82VFMO5arc+rhBteeT9+sN+LnwIwDwYDVR0TAQH/BAUwAwEB/zAKBggq\n"
	"hkjOPQQDAgNIADBFAiEA40iRhTW0WpHUt0aHsB7RWtWvFlz4DYto5vB3dAKkHEgC\n"
	"IBe/yzoVL/lfd3izKAhz2xQuo5I62CkVq8rhI63GRNAT\n"
	"-----END CERTIFICATE-----\n";
/* Aug 27 19:45:13 2081 GMT, for which two digits of a year do not do. */
static const char long_lived[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBbzCCARWgAwIBAgIUHjTqkbY0mWP+mHciw+4b1/89EBcwCgYIKoZIzj0EAwIw\n"
	"DDEKMAgGA1UEAwwBbjAgFw0yNjExMjQxOTQ1MTNaGA8yMDgxMDgyNzE5NDUxM1ow\n"
	"DDEKMAgGA1UEAwwBbjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABD5nGVigJ9FE\n"
	"YlM1Cgokv2KaTVzzZ//ygZIwOVz4EkalWoo+1N4HtWM7aUZfpSfzhKSmY6pNKtDp\n"
	"fbhlCeh3qAujUzBRMB0GA1UdDgQWBBS09t3g5Fhr9EUu7XOPVNMkjo5M6jAfBgNV\n"
	"HSMEGDAWgBS09t3g5Fhr9EUu7XOPVNMkjo5M6jAPBgNVHRMBAf8EBTADAQH/MAoG\n"
	"CCqGSM49BAMCA0gAMEUCIHylJjdNc6K8nr8MkwJ04TguGYLlflPA13wGvA5yqCjH\n"
	"AiEA2HFN192wfVmJaK/HbcJz4hjiZcONXhFFU1TxFJ/R1Ys=\n"
	"-----END CERTIFICATE-----\n";

static int64_t
expiry_of(const char *pem, size_t length)
{
	int64_t expiry = 0;
	/* Of the exact size, so that the sanitizers see what is read behind it. */
	char *copy = malloc(length + 1);

	memcpy(copy, pem, length);
	copy[length] = '\0';
	expiry = certificate_expiry(copy, length, &expiry) ? expiry : -1;
	free(copy);
	return expiry;
}

START_TEST(test_the_end_is_read)
{
	char after_key[4096] = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
	struct text text = {.at = after_key, .room = sizeof(after_key), .used = strlen(after_key)};

	ck_assert_int_eq(expiry_of(short_lived, strlen(short_lived)), 1821469513);
	ck_assert_int_eq(expiry_of(long_lived, strlen(long_lived)), 3523549513);
	text_add(&text, short_lived);
	text_add(&text, long_lived);
	ck_assert_int_eq(expiry_of(after_key, strlen(after_key)), 1821469513);
}
END_TEST

START_TEST(test_what_is_none_has_no_end)
{
	ck_assert_int_eq(expiry_of("", 0), -1);
	ck_assert_int_eq(expiry_of("-----BEGIN CERTIFICATE-----", 27), -1);
	ck_assert_int_eq(expiry_of("-----BEGIN CERTIFICATE-----\n!", 29), -1);
}
END_TEST

/* Cut anywhere before its dates it has none; every other byte instead of each is survived. */
START_TEST(test_damage)
{
	static const char others[] = "A/w0\n!";
	char damaged[sizeof(short_lived)];

	for (size_t length = 0; length < 160; length++)
		ck_assert_int_eq(expiry_of(short_lived, length), -1);
	for (size_t at = 27; at < sizeof(short_lived) - 1; at++)
		for (size_t i = 0; i < sizeof(others) - 1; i++) {
			memcpy(damaged, short_lived, sizeof(damaged));
			damaged[at] = others[i];
			expiry_of(damaged, sizeof(damaged) - 1);
		}
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("certificate");

	tcase_add_test(tcase, test_the_end_is_read);
	tcase_add_test(tcase, test_what_is_none_has_no_end);
	tcase_add_test(tcase, test_damage);
	return suite_run("certificate", tcase);
}
