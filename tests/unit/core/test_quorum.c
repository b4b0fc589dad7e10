/* SPDX-License-Identifier: PostgreSQL */
/*
 * The arithmetic of SAFE-PROMOTE against its definition, for every small
 * group: a commit is acknowledged by some `required` of the listed members,
 * and whoever is promoted must hold it whichever these were.
 */
#include <check.h>
#include <stdlib.h>

#include "core/quorum.h"

#define EPOCH 11
#define MEMBERS_MAX 4
#define LSNS 3 /* positions are only compared: low, middle, high */

/* Nodes 1 to k are members under admission node + 10; the set is version 5. */
static void
group_of(struct snapshot *snap, uint32_t members, uint32_t required)
{
	struct sync_set *set = &snap->group.possible[0];

	*snap = (struct snapshot){.count = members};
	snap->group.epoch = EPOCH;
	snap->group.possible_count = 1;
	set->version = 5;
	set->required = required;
	set->count = members;
	for (uint32_t i = 0; i < members; i++) {
		snap->nodes[i].id = i + 1;
		snap->nodes[i].admission = i + 11;
		set->members[i].node = i + 1;
		set->members[i].admission = i + 11;
	}
}

static void
detach(struct node *node, pgaf_lsn lsn)
{
	node->report.detached_epoch = EPOCH;
	node->report.detached_lsn = lsn;
}

/*
 * By definition: whichever `required` members acknowledged a commit, one of those heard is among
 * them. `heard` is a set of bits, so is who acknowledged.
 */
static bool
is_covered(uint32_t members, uint32_t required, uint32_t heard)
{
	for (uint32_t acknowledged = 0; acknowledged < 1U << members; acknowledged++)
		if ((uint32_t)__builtin_popcount(acknowledged) == required &&
		    (acknowledged & heard) == 0)
			return false;
	return true;
}

START_TEST(test_needed_members_cover_every_acknowledgement)
{
	for (uint32_t k = 1; k <= MEMBERS_MAX; k++)
		for (uint32_t s = 1; s <= k; s++)
			for (uint32_t heard = 0; heard < 1U << k; heard++) {
				struct sync_set set = {.required = s, .count = k};
				bool enough =
					(uint32_t)__builtin_popcount(heard) >= quorum_needed(&set);

				ck_assert_msg(enough == is_covered(k, s, heard),
				              "%u of %u, heard %x", s, k, heard);
			}
}
END_TEST

START_TEST(test_more_required_than_listed_needs_nobody)
{
	struct sync_set fence = {.required = 1, .count = 0};
	struct sync_set short_of = {.required = 3, .count = 2};

	ck_assert_uint_eq(quorum_needed(&fence), 0);
	ck_assert_uint_eq(quorum_needed(&short_of), 0);
}
END_TEST

/*
 * Members that detached hold a position each; the candidate is not detached. It may be promoted
 * when those heard cover every acknowledgement and none of them holds more than it does: then it
 * holds every commit that any `required` of them acknowledged.
 */
static enum proof
proof_by_definition(const struct snapshot *snap, uint32_t required, uint32_t detached,
                    uint32_t candidate)
{
	uint32_t heard = detached | 1U << candidate;

	for (uint32_t i = 0; i < snap->count; i++)
		if ((detached & 1U << i) != 0 && i != candidate &&
		    snap->nodes[i].report.detached_lsn > snap->nodes[candidate].report.lsn)
			return PROOF_BEHIND;
	return is_covered(snap->count, required, heard) ? PROOF_HOLDS : PROOF_HEAR;
}

static void
check_positions(struct snapshot *snap, uint32_t required, uint32_t detached, uint32_t positions)
{
	uint32_t k = snap->count;

	for (uint32_t i = 0; i < k; i++) {
		struct node *node = &snap->nodes[i];

		node->report.lsn = 1 + positions % LSNS;
		node->report.detached_epoch = 0;
		if ((detached & 1U << i) != 0)
			detach(node, 1 + positions % LSNS);
		positions /= LSNS;
	}
	for (uint32_t c = 0; c < k; c++)
		ck_assert_msg(proof_of(snap, &snap->nodes[c]) ==
		                      proof_by_definition(snap, required, detached, c),
		              "%u of %u, detached %x, candidate %u", required, k, detached, c);
}

START_TEST(test_proof_is_the_definition_for_every_small_group)
{
	for (uint32_t k = 1; k <= MEMBERS_MAX; k++)
		for (uint32_t s = 1; s <= k; s++) {
			uint32_t all = 1;
			struct snapshot snap;

			group_of(&snap, k, s);
			for (uint32_t i = 0; i < k; i++)
				all *= LSNS;
			for (uint32_t detached = 0; detached < 1U << k; detached++)
				for (uint32_t positions = 0; positions < all; positions++)
					check_positions(&snap, s, detached, positions);
		}
}
END_TEST

START_TEST(test_an_old_detachment_proves_nothing)
{
	struct snapshot snap;

	group_of(&snap, 2, 1);
	snap.nodes[0].report.lsn = snap.nodes[1].report.lsn = 100;
	ck_assert_uint_eq(proof_of(&snap, &snap.nodes[0]), PROOF_HEAR);
	detach(&snap.nodes[1], 100);
	ck_assert_uint_eq(proof_of(&snap, &snap.nodes[0]), PROOF_HOLDS);
	snap.nodes[1].report.detached_epoch = EPOCH - 1;
	ck_assert_uint_eq(proof_of(&snap, &snap.nodes[0]), PROOF_HEAR);
}
END_TEST

START_TEST(test_an_older_admission_is_another_node)
{
	struct snapshot snap;

	group_of(&snap, 1, 1);
	snap.nodes[0].report.lsn = 100;
	ck_assert_uint_eq(proof_of(&snap, &snap.nodes[0]), PROOF_HOLDS);
	snap.nodes[0].admission++;
	ck_assert_uint_eq(proof_of(&snap, &snap.nodes[0]), PROOF_HEAR);
}
END_TEST

START_TEST(test_what_acknowledges_alone_cannot_be_proved)
{
	struct snapshot snap;

	group_of(&snap, 1, 0);
	ck_assert_uint_eq(proof_of(&snap, &snap.nodes[0]), PROOF_NONE);
	group_of(&snap, 1, 1);
	snap.group.possible[0].unknown = true;
	ck_assert_uint_eq(proof_of(&snap, &snap.nodes[0]), PROOF_NONE);
	group_of(&snap, 1, 1);
	snap.group.recovering = true;
	ck_assert_uint_eq(proof_of(&snap, &snap.nodes[0]), PROOF_NONE);
	group_of(&snap, 1, 1);
	snap.group.possible_count = 0;
	ck_assert_uint_eq(proof_of(&snap, &snap.nodes[0]), PROOF_NONE);
}
END_TEST

START_TEST(test_the_fence_acknowledged_nothing)
{
	struct snapshot snap;

	group_of(&snap, 1, 1);
	snap.group.possible[0].count = 0;
	ck_assert_uint_eq(proof_of(&snap, &snap.nodes[0]), PROOF_HOLDS);
}
END_TEST

START_TEST(test_every_possible_version_has_to_be_satisfied)
{
	struct snapshot snap;

	group_of(&snap, 2, 2);
	snap.group.possible[1] = snap.group.possible[0];
	snap.group.possible[1].version = 6;
	snap.group.possible_count = 2;
	snap.nodes[0].report.lsn = 100;
	ck_assert_uint_eq(proof_of(&snap, &snap.nodes[0]), PROOF_HOLDS);

	/* In version 6 one of two is enough to acknowledge: the other one has to be heard. */
	snap.group.possible[1].required = 1;
	ck_assert_uint_eq(proof_of(&snap, &snap.nodes[0]), PROOF_HEAR);
	ck_assert_uint_eq(proof_without(&snap, &snap.nodes[0], 6), PROOF_HOLDS);
	ck_assert_uint_eq(proof_without(&snap, &snap.nodes[0], 5), PROOF_HEAR);

	/* The worst of them counts, whatever their order. */
	snap.group.possible[0].required = 0;
	ck_assert_uint_eq(proof_of(&snap, &snap.nodes[0]), PROOF_NONE);
	ck_assert_uint_eq(proof_without(&snap, &snap.nodes[0], 5), PROOF_HEAR);
}
END_TEST

START_TEST(test_without_any_version_left_nothing_is_proved)
{
	struct snapshot snap;

	group_of(&snap, 1, 1);
	ck_assert_uint_eq(proof_without(&snap, &snap.nodes[0], 5), PROOF_NONE);
}
END_TEST

START_TEST(test_only_what_the_operator_accepted_loses)
{
	static const uint32_t lossy[] = {330, 350, 540};
	struct promotion promotion = {.node = 2, .cause = 400};

	ck_assert(!promotion_is_lossy(&promotion));
	for (size_t i = 0; i < sizeof(lossy) / sizeof(lossy[0]); i++) {
		promotion.cause = lossy[i];
		ck_assert(promotion_is_lossy(&promotion));
	}
	promotion.node = 0; /* what is left of one that is over */
	ck_assert(!promotion_is_lossy(&promotion));
}
END_TEST

START_TEST(test_the_newest_version_is_known_by_its_number)
{
	struct group group = {.possible_count = 3,
	                      .possible = {{.version = 5}, {.version = 7}, {.version = 6}}};

	ck_assert_uint_eq(group_newest(&group)->version, 7);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("quorum");
	TCase *tcase = tcase_create("quorum");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_needed_members_cover_every_acknowledgement);
	tcase_add_test(tcase, test_more_required_than_listed_needs_nobody);
	tcase_add_test(tcase, test_proof_is_the_definition_for_every_small_group);
	tcase_add_test(tcase, test_an_old_detachment_proves_nothing);
	tcase_add_test(tcase, test_an_older_admission_is_another_node);
	tcase_add_test(tcase, test_what_acknowledges_alone_cannot_be_proved);
	tcase_add_test(tcase, test_the_fence_acknowledged_nothing);
	tcase_add_test(tcase, test_every_possible_version_has_to_be_satisfied);
	tcase_add_test(tcase, test_without_any_version_left_nothing_is_proved);
	tcase_add_test(tcase, test_only_what_the_operator_accepted_loses);
	tcase_add_test(tcase, test_the_newest_version_is_known_by_its_number);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
