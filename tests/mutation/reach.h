/* SPDX-License-Identifier: PostgreSQL */
#ifndef MUTATION_REACH_H
#define MUTATION_REACH_H

/*
 * Told by a driver that one of its runs is over. The answer is in reach.c,
 * which only some programs are linked with.
 */
__attribute__((weak)) void reach_run_over(const char *run);

#endif
