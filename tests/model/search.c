/* SPDX-License-Identifier: PostgreSQL */
/*
 * Breadth first over all reachable states, so that the first trace to a
 * violation is a shortest one. Then, from every state, a fair run without
 * further faults: it must come to rest, and at rest the group must be good.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/store.h"

#define ROUNDS_MOST 120

struct m_run run;

/* How each state was reached. */
struct origin {
	uint32_t parent;
	uint16_t depth;
	uint8_t action, node_variant; /* node * 16 + variant */
};

static struct origin *origins;
static size_t origins_room;
static uint64_t transitions;
static unsigned depth;
static struct timespec began;

void
violate(const char *check, const char *format, ...)
{
	va_list args;

	if (run.check[0] != '\0')
		return;
	snprintf(run.check, sizeof(run.check), "%s", check);
	va_start(args, format);
	vsnprintf(run.violation, sizeof(run.violation), format, args);
	va_end(args);
}

void
tell(const char *format, ...)
{
	size_t used = strlen(run.story);
	va_list args;

	if (!run.telling)
		return;
	va_start(args, format);
	vsnprintf(run.story + used, sizeof(run.story) - used, format, args);
	va_end(args);
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - began.tv_sec) + (double)(now.tv_nsec - began.tv_nsec) / 1e9;
}

static unsigned
action_nodes(const struct action *action)
{
	switch ((enum m_per)action->per) {
	case NODE:
		return run.nodes;
	case NUMBERING:
		return run.symmetry ? numberings_count() : 1;
	case ONCE:
		break;
	}
	return 1;
}

static unsigned
action_variants(const struct action *action)
{
	if (action->variants == 0)
		return run.nodes + 2;
	/* Of the monitor: a bit per node, and one for the limits. */
	return action->per == NUMBERING ? 2U << run.nodes : action->variants;
}

static bool
does(struct m_state *s, unsigned action, unsigned node_variant)
{
	unsigned node = node_variant / 16;

	if (actions[action].per == NUMBERING) {
		if (!monitor_may_decide(s, actions[action].fn == rival_decides))
			return false;
		renumber_nodes(s, node);
		node = 0;
	}
	return actions[action].fn(s, node, node_variant % 16);
}

/* ---- the story ---------------------------------------------------------- */

static void
print_action(unsigned number, const struct action *action, unsigned node, unsigned variant)
{
	const char *end = strstr(action->text, "%v");

	printf("%4u. ", number);
	if (action->per == NODE)
		printf("node%u: ", name_of(node));
	if (end == NULL)
		printf("%s", action->text);
	else if (variant == 0)
		printf("%.*sthe monitor%s", (int)(end - action->text), action->text, end + 2);
	else
		printf("%.*snode%u%s", (int)(end - action->text), action->text,
		       name_of(variant - 1), end + 2);
	if (action->fair == TIMED && variant != 0)
		printf("%s%s", variant % 2 == 1 ? ", and a limit is over" : "",
		       variant > 1 ? ", and has not noticed the latest" : "");
	else if (end == NULL && action->variants != 1 && action->fair != TIMED)
		printf(" (%u)", variant);
	printf("%s%s\n", run.story[0] != '\0' ? ": " : "", run.story);
}

static void
told(struct m_state *s, unsigned number, unsigned action, unsigned node_variant)
{
	run.story[0] = '\0';
	run.telling = true;
	if (actions[action].per == NUMBERING)
		renumber_names(node_variant / 16);
	does(s, action, node_variant);
	run.telling = false;
	print_action(number, &actions[action], node_variant / 16, node_variant % 16);
	normalise(s);
}

/* Prints how `number` is reached and leaves it in *s; how many steps it took. */
static unsigned
print_path(uint32_t number, struct m_state *s)
{
	unsigned length = origins[number].depth;
	uint32_t *path = calloc(length + 1u, sizeof(*path));

	if (path == NULL)
		return 0;
	for (unsigned i = length; i > 0; i--) {
		path[i] = number;
		number = origins[number].parent;
	}
	first_state(s);
	renumber_names(canonical(s));
	for (unsigned i = 1; i <= length; i++) {
		told(s, i, origins[path[i]].action, origins[path[i]].node_variant);
		renumber_names(canonical(s));
	}
	free(path);
	return length;
}

static void
print_violation(uint32_t from, unsigned action, unsigned node_variant)
{
	struct m_state s;
	unsigned length;

	printf("%s violated, by a shortest way to it:\n", run.check);
	length = print_path(from, &s);
	run.check[0] = '\0';
	told(&s, length + 1, action, node_variant);
	check_state(&s);
	printf("%s violated: %s\n", run.check, run.violation);
}

/* ---- breadth first ------------------------------------------------------ */

static void
remember(uint32_t number, uint32_t parent, unsigned action, unsigned node_variant)
{
	if (number >= origins_room) {
		origins_room = origins_room == 0 ? 4096 : origins_room * 2;
		origins = realloc(origins, origins_room * sizeof(*origins));
		if (origins == NULL)
			exit(3);
	}
	origins[number] = (struct origin){
		.parent = parent,
		.depth = number == 0 ? 0 : (uint16_t)(origins[parent].depth + 1),
		.action = (uint8_t)action,
		.node_variant = (uint8_t)node_variant,
	};
	if (origins[number].depth > depth)
		depth = origins[number].depth;
}

/* One action from one state; false when it violates something. */
static bool
expand(uint32_t number, const struct m_state *s, unsigned action, unsigned node_variant)
{
	static struct m_state next;
	static bool fresh; /* what is not possible has changed nothing */
	static uint32_t of = UINT32_MAX;
	uint32_t found;
	bool known;

	if (!fresh || of != number)
		next = *s;
	of = number;
	fresh = false;
	if (does(&next, action, node_variant)) {
		transitions++;
		check_state(&next);
	} else if (run.check[0] == '\0') {
		fresh = actions[action].per != NUMBERING;
		return true;
	}
	if (run.check[0] != '\0') {
		print_violation(number, action, node_variant);
		return false;
	}
	normalise(&next);
	canonical(&next);
	found = states_put(&next, &known);
	if (!known)
		remember(found, number, action, node_variant);
	return true;
}

static bool
expand_all(uint32_t number)
{
	struct m_state s;

	states_get(number, &s);
	for (unsigned action = 0; action < actions_count; action++)
		for (unsigned node = 0; node < action_nodes(&actions[action]); node++)
			for (unsigned v = 0; v < action_variants(&actions[action]); v++)
				if (!expand(number, &s, action, node * 16 + v))
					return false;
	return true;
}

/* ---- fair runs ---------------------------------------------------------- */

struct fair {
	struct m_state s;
	bool repairs;    /* what is broken is repaired, too */
	unsigned number; /* of the line printed last */
};

static bool
fair_step(struct fair *fair, unsigned action, unsigned node_variant)
{
	struct m_state next;

	next = fair->s;
	if (!actions[action].fn(&next, node_variant / 16, node_variant % 16))
		return false;
	run.check[0] = '\0';
	run.story[0] = '\0';
	if (memcmp(&next, &fair->s, sizeof(next)) == 0)
		return false;
	normalise(&next);
	if (memcmp(&next, &fair->s, sizeof(next)) == 0)
		return false;
	if (fair->number != 0)
		told(&fair->s, fair->number++, action, node_variant);
	fair->s = next;
	return true;
}

/* A keeper goes on until it has to wait: nobody comes in between (keeper_run). */
static void
fair_steps(struct fair *fair, unsigned action, unsigned node_variant)
{
	unsigned most = actions[action].fn == keeper_acts ? 8 : 1;

	while (most-- > 0 && fair_step(fair, action, node_variant))
		;
}

/* Everything that can happen without a fault, once. */
static void
fair_round(struct fair *fair)
{
	for (unsigned action = 0; action < actions_count; action++) {
		const struct action *a = &actions[action];
		unsigned variants = a->fair == TIMED ? 1 : action_variants(a);

		if (a->fair == UNFAIR || (a->fair == REPAIR && !fair->repairs))
			continue;
		for (unsigned node = 0; node < (a->per == NODE ? run.nodes : 1); node++)
			for (unsigned v = 0; v < variants; v++)
				fair_steps(fair, action, node * 16 + v);
	}
}

bool
limit_over(struct m_state *s)
{
	struct fair fair = {.s = *s};
	struct m_run before = run;

	run.telling = false;
	normalise(&fair.s);
	*s = fair.s;
	fair_round(&fair);
	run = before;
	if (memcmp(s, &fair.s, sizeof(*s)) == 0)
		return true;
	if (!pay(s, MFAULT_DELAY))
		return false;
	tell("somebody was stopped for so long; ");
	return true;
}

/* Nothing is left but timers: one of them is over. */
static bool
fair_timer(struct fair *fair)
{
	for (unsigned action = 0; action < actions_count; action++)
		if (actions[action].fair == TIMED)
			for (unsigned node = 0;
			     node < (actions[action].per == NODE ? run.nodes : 1); node++)
				if (fair_step(fair, action, node * 16 + 1))
					return true;
	return false;
}

/* Neither what can happen at once nor a limit that is over changes anything. */
static bool
fair_rests(const struct m_state *before, struct fair *fair)
{
	return memcmp(before, &fair->s, sizeof(*before)) == 0 && !fair_timer(fair);
}

enum outcome { UNKNOWN, RESTS_WELL };

/* A bounded search did not find all that fair runs come to. */
static struct {
	uint8_t *at;
	size_t room;
} outcomes;

static void
known_room(void)
{
	size_t room = states_count() + states_count() / 8 + 1;

	if (states_count() <= outcomes.room)
		return;
	outcomes.at = realloc(outcomes.at, room);
	if (outcomes.at == NULL)
		exit(3);
	memset(outcomes.at + outcomes.room, UNKNOWN, room - outcomes.room);
	outcomes.room = room;
}

/* The run from one state, until it meets a state that is known to end well. */
static bool
ends_well(uint32_t number, unsigned *rounds_most)
{
	static struct fair fair;
	static struct m_state known_as;
	uint32_t chain[ROUNDS_MOST];
	unsigned length = 0;

	fair.number = 0;
	fair.repairs = true;
	states_get(number, &fair.s);
	for (unsigned rounds = 0; rounds < ROUNDS_MOST; rounds++) {
		struct m_state before = fair.s;
		bool old = false;
		bool rests;

		if (rounds > *rounds_most)
			*rounds_most = rounds;
		chain[length++] = number;
		fair_round(&fair);
		rests = fair_rests(&before, &fair);
		if (!rests) {
			known_as = fair.s;
			canonical(&known_as);
			number = states_put(&known_as, &old);
			if (!old)
				remember(number, chain[length - 1], 0, 0);
			known_room();
		}
		if (rests && !is_good(&fair.s))
			return false;
		if (rests || (old && outcomes.at[number] == RESTS_WELL)) {
			for (unsigned i = 0; i < length; i++)
				outcomes.at[chain[i]] = RESTS_WELL;
			return true;
		}
	}
	return false;
}

static void
print_stuck(uint32_t number)
{
	static struct fair fair = {.repairs = true};
	bool rests = false;

	printf("LIVE or STABLE violated: after this, without any further fault, the group does not "
	       "become good and stay so\n");
	fair.number = print_path(number, &fair.s) + 1;
	printf("      from here on nothing breaks any more\n");
	for (unsigned rounds = 0; rounds < 12 && !rests; rounds++) {
		struct m_state before = fair.s;

		fair_round(&fair);
		rests = fair_rests(&before, &fair);
	}
	printf("%s: %s\n", rests ? "LIVE violated: it rests like this" : "it never rests",
	       is_good(&fair.s) ? "good" : why_not_good(&fair.s));
}

static int
check_live(void)
{
	size_t count = states_count();
	unsigned rounds_most = 0;

	known_room();
	for (uint32_t number = 0; number < count; number++) {
		if ((number & 255) == 0 && seconds() > run.seconds) {
			printf("INCOMPLETE: LIVE was checked for %zu of %zu states\n",
			       (size_t)number, count);
			return 2;
		}
		if (outcomes.at[number] == RESTS_WELL || ends_well(number, &rounds_most))
			continue;
		print_stuck(number);
		return 1;
	}
	printf("every fair run without further faults comes to rest in a good state, after at most "
	       "%u rounds\n",
	       rounds_most + 1);
	return 0;
}

/* ---- all ---------------------------------------------------------------- */

static int
check_safe(void)
{
	for (uint32_t number = 0; number < states_count(); number++) {
		if (origins[number].depth == run.depth) {
			printf("bounded: all schedules of up to %u actions, no longer one\n",
			       run.depth);
			return 0;
		}
		if (!expand_all(number))
			return 1;
		if ((number & 255) != 0)
			continue;
		if (seconds() > run.seconds || states_count() > run.states) {
			printf("INCOMPLETE: %zu states found, %u of them followed: all schedules "
			       "of up to %u actions\n",
			       states_count(), number, origins[number].depth);
			return 2;
		}
	}
	return 0;
}

int
search(void)
{
	struct m_state s;
	unsigned deepest;
	size_t found;
	bool known;
	int result;

	clock_gettime(CLOCK_MONOTONIC, &began);
	for (unsigned i = 0; i < NODES_MOST; i++)
		run.name[i] = (uint8_t)i;
	first_state(&s);
	canonical(&s);
	remember(states_put(&s, &known), 0, 0, 0);
	result = check_safe();
	found = states_count();
	deepest = depth;
	if (result == 0 && run.live)
		result = check_live();
	printf("states=%zu transitions=%llu depth=%u seconds=%.1f mib=%.0f violations=%d\n", found,
	       (unsigned long long)transitions, deepest, seconds(),
	       (double)(states_bytes() + origins_room * sizeof(*origins)) / 1048576.0, result == 1);
	return result;
}
