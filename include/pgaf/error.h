/* SPDX-License-Identifier: PostgreSQL */
#ifndef PGAF_ERROR_H
#define PGAF_ERROR_H

/**
 * @file pgaf/error.h
 * Error codes and the sentence that goes with them.
 *
 * Functions return 0 or more on success and a negative PGAF_E* code on
 * failure. Where a function takes a struct pgaf_error, it may be NULL; on
 * failure it holds one sentence built from the outside in, without a
 * password, a newline or a leading capital.
 */

#include <pgaf/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Every code: name, number, meaning. */
#define PGAF_ERRORS(X)                                                          \
	X(EINVAL, -1, "an argument or a combination of arguments is invalid")   \
	X(ENOMEM, -2, "out of memory")                                          \
	X(E2BIG, -3, "more than this version supports")                         \
	X(ETIMEOUT, -4, "the deadline passed first")                            \
	X(ECONN, -5, "the server cannot be reached")                            \
	X(ESQL, -6, "the server reported an error")                             \
	X(ESTALE, -7, "somebody else changed it first; read again")             \
	X(ECONFIG, -8, "the configuration is wrong")                            \
	X(EREFUSED, -9, "refused: it would be unsafe or is impossible now")     \
	X(ESYS, -10, "the operating system refused")                            \
	X(EAUTH, -11, "the secret or token is wrong")                           \
	X(ENOENT, -12, "there is no such thing")                                \
	X(ECHILD, -13, "a program that was started failed")

enum pgaf_error_code {
#define PGAF_ERROR_ENUM(name, number, text) PGAF_##name = (number),
	PGAF_ERRORS(PGAF_ERROR_ENUM)
#undef PGAF_ERROR_ENUM
};

/** What went wrong, in full. All zero means nothing did. */
struct pgaf_error {
	int  code;        /**< 0 or PGAF_E… */
	int  sys;         /**< errno, or 0 */
	char sqlstate[6]; /**< "" when no server was involved */
	char text[512];   /**< one sentence */
};

/** The meaning of a code; static, never NULL. */
PGAF_API const char *pgaf_strerror(int code);

#ifdef __cplusplus
}
#endif
#endif
