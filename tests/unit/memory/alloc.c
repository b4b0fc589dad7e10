/* SPDX-License-Identifier: PostgreSQL */
/* An allocator that fails when it is told to, and knows what is not freed. */

#include "unit/memory/alloc.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LIVE_MAX 4096

void *__real_malloc(size_t size);
void *__real_realloc(void *at, size_t size);
void __real_free(void *at);
FILE *__real_open_memstream(char **to, size_t *size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
char *__wrap_strdup(const char *string);
FILE *__wrap_open_memstream(char **to, size_t *size);
void __wrap_free(void *at);

/* Jobs of the library allocate in threads of their own. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long left; /* until the one that fails; 0 = none */
static bool fails_on;
static bool has_failed;
static void *live[LIVE_MAX];
static size_t live_count;

void
alloc_fail(unsigned long number, bool on)
{
	pthread_mutex_lock(&lock);
	left = number;
	fails_on = on;
	has_failed = false;
	live_count = 0;
	pthread_mutex_unlock(&lock);
}

bool
alloc_has_failed(void)
{
	return has_failed;
}

size_t
alloc_live(void)
{
	return live_count;
}

static bool
fails(void)
{
	bool now = false;

	pthread_mutex_lock(&lock);
	now = left == 1 || (left == 0 && has_failed && fails_on);
	if (left > 0)
		left--;
	has_failed = has_failed || now;
	pthread_mutex_unlock(&lock);
	if (now)
		errno = ENOMEM;
	return now;
}

static void *
remember(void *at)
{
	pthread_mutex_lock(&lock);
	if (at != NULL && live_count < LIVE_MAX)
		live[live_count++] = at;
	pthread_mutex_unlock(&lock);
	return at;
}

/* What was made elsewhere, or before the count began, is nobody's here. */
static void
forget(const void *at)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; at != NULL && i < live_count; i++) {
		if (live[i] != at)
			continue;
		live[i] = live[--live_count];
		break;
	}
	pthread_mutex_unlock(&lock);
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : remember(__real_malloc(size));
}

void *
__wrap_calloc(size_t count, size_t size)
{
	void *at = NULL;

	if (size != 0 && count > SIZE_MAX / size)
		return NULL;
	at = __wrap_malloc(count * size);
	if (at != NULL)
		memset(at, 0, count * size);
	return at;
}

void *
__wrap_realloc(void *at, size_t size)
{
	void *moved = NULL;

	if (fails())
		return NULL;
	forget(at);
	moved = __real_realloc(at, size);
	return remember(moved);
}

char *
__wrap_strdup(const char *string)
{
	size_t size = strlen(string) + 1;
	char *copy = __wrap_malloc(size);

	return copy != NULL ? memcpy(copy, string, size) : NULL;
}

FILE *
__wrap_open_memstream(char **to, size_t *size)
{
	return fails() ? NULL : __real_open_memstream(to, size);
}

void
__wrap_free(void *at)
{
	forget(at);
	__real_free(at);
}
