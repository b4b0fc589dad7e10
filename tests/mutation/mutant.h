/* SPDX-License-Identifier: PostgreSQL */
#ifndef MUTATION_MUTANT_H
#define MUTATION_MUTANT_H

#include <stdbool.h>

/*
 * For a test that takes a rule out by itself, in a process that it forks for
 * that: M404 or K330, or one condition of it, M404:MONITOR. False: there is no
 * such rule.
 */
bool mutant_apply(const char *name);

#endif
