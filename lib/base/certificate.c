/* SPDX-License-Identifier: PostgreSQL */
/* The reader is OpenSSL's, which libpq loads anyway. */
#include "base/certificate.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

static bool
read_end(X509 *certificate, int64_t *expiry)
{
	struct tm end;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1)
		return false;
	*expiry = timegm(&end);
	return true;
}

bool
certificate_expiry(const char *pem, size_t length, int64_t *expiry)
{
	BIO *bio = length <= INT_MAX ? BIO_new_mem_buf(pem, (int)length) : NULL;
	X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	bool found = certificate != NULL && read_end(certificate, expiry);

	X509_free(certificate);
	BIO_free(bio);
	ERR_clear_error();
	return found;
}
