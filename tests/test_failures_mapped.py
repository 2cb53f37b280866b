"""Where each case of facts/failures.md is shown that is built so far: billing (A), time (B), e-mail (C), gate and page (E),
configuration (G).
"""

import ast
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from gatekeeper.policy.decide import decide
from gatekeeper.policy.rules import Rules
from tests.kit.builders import facts, invoice, on, reminded, warned

_TESTS: Final = Path(__file__).resolve().parent

SHOWN: Final = {
    1: "test_worker_events.py::test_events_of_one_payment_come_in_any_order_and_leave_it_paid",
    2: "test_webhooks.py::test_fifty_deliveries_of_one_event_are_one_row",
    3: "test_any_order.py::test_whatever_was_heard_one_reconcile_ends_in_the_ledger_of_a_clean_read",
    4: "stories/test_failures_a.py::test_case_4_a_payment_of_which_no_event_was_ever_made",
    5: "stories/test_failures_a.py::test_case_5_an_empty_list_opens_nobody_and_closes_nobody",
    6: "test_sync_trust.py::test_the_key_of_another_account_is_noticed_before_any_write",
    7: "test_sync.py::test_a_list_that_breaks_off_changes_nothing_that_it_did_not_show",
    8: "test_sync.py::test_a_list_that_is_older_than_a_payment_reopens_nothing",
    9: "stories/test_brake.py::test_everybody_is_overdue_at_once_and_a_person_decides",
    10: "stories/test_failures_a.py::test_case_10_a_due_date_that_cannot_be_meant_is_no_debt",
    11: "stories/test_failures_a.py::test_case_11_nobody_is_written_to_while_stripe_still_tries_the_card",
    12: "stories/test_failures_a.py::test_case_12_a_payment_on_its_way_holds_and_its_failure_needs_a_new_warning",
    13: "stories/test_failures_a.py::test_case_13_thirty_cents_keep_nobody_out",
    14: "stories/test_failures_a.py::test_case_14_a_credit_note_over_everything_opens_access",
    15: "stories/test_failures_a.py::test_case_15_what_is_void_opens_access_and_what_is_written_off_does_not",
    16: "stories/test_failures_a.py::test_case_16_a_payment_out_of_band_opens_access",
    17: "stories/test_failures_a.py::test_case_17_a_chargeback_closes_nothing_again",
    18: "stories/test_failures_a.py::test_case_18_while_a_payment_is_disputed_nobody_is_written_to_or_locked_out",
    19: "stories/test_failures_a.py::test_case_19_paying_the_older_of_two_leads_to_no_suspension_that_was_not_announced",
    20: "stories/test_failures_a.py::test_case_20_what_is_owed_in_one_currency_is_not_settled_in_another",
    21: "wording/test_formats.py::test_a_printed_amount_parses_back_to_the_same_minor_units",
    23: "stories/test_failures_a.py::test_case_23_two_customers_of_one_account_and_one_of_none",
    24: "test_webhooks.py::test_forgeries_are_400_and_leave_nothing",
    25: "test_webhooks.py::test_what_is_not_for_us_is_kept_answered_200_and_never_looked_at",
    26: "billing/test_words_mutated.py::test_each_field_that_is_read_must_be_there_under_its_name",
    27: "test_braking.py::test_a_wall_clock_that_moves_by_itself_holds_every_closing",
    28: "test_braking.py::test_a_clock_that_was_set_back_while_nobody_watched_stops_the_post_too_until_a_person_lets_go",
    29: "test_worker.py::test_a_round_takes_everybody_one_step_and_no_more",
    30: "test_braking.py::test_a_machine_whose_clock_differs_from_the_databases_may_not_close",
    31: "policy/test_calendar.py::test_case_31_and_32_every_day_has_one_beginning_however_the_clocks_are_moved",
    32: "policy/test_calendar.py::test_case_32_an_hour_that_comes_twice_is_the_first_of_both",
    33: "policy/test_calendar.py::test_case_33_a_zone_that_is_none_is_the_products_own",
    34: "policy/test_calendar.py::test_case_34_fourteen_days_are_never_less_than_thirteen_days_and_23_hours",
    35: "policy/test_calendar.py::test_case_35_due_at_the_last_second_of_a_day_nobody_loses_a_day",
    36: "policy/test_calendar.py::test_case_36_a_hold_that_ends_on_saturday_at_midnight_wakes_nobody",
    37: "policy/test_calendar.py::test_case_37_a_promised_day_lies_neither_behind_nor_too_far_ahead",
    38: "policy/test_calendar.py::test_case_38_a_holiday_that_is_declared_later_takes_no_letter_back",
    39: "test_failures_mapped.py::test_case_39_what_was_read_in_the_future_is_not_fresh",
    40: "test_health.py::test_books_that_were_not_read_for_three_intervals_are_said_to_be_stale",  # rounds are one thread's
    41: "stories/test_crashes.py::test_twenty_kills_lose_nothing_and_no_letter_is_transmitted_a_third_time",
    42: "peers/test_postfix.py::test_when_the_line_drops_after_the_dot_it_is_in_doubt_and_one_more_copy_goes_at_most",
    43: "perform/mail/test_smtp.py::test_a_connection_lost_inside_the_message_is_deferred",
    44: "perform/test_notices.py::test_a_greylisted_letter_goes_later_and_the_ladder_counts_from_then",
    45: "perform/test_failures_c.py::test_case_45_while_no_server_takes_a_letter_nobody_is_locked_out",
    46: "perform/test_failures_c.py::test_case_46_whom_no_letter_reaches_is_to_be_called_and_nobody_is_locked_out",
    47: "peers/test_postfix.py::test_what_it_takes_refuses_and_puts_off_is_what_the_ledger_says",
    48: "peers/test_postfix.py::test_whom_no_letter_has_reached_is_never_locked_out",
    49: "returns/test_effects.py::test_case_49_the_46th_time_changes_as_little_as_the_second",
    50: "returns/test_effects.py::test_case_50_a_complaint_calls_a_person_and_takes_no_evidence_away",
    51: "returns/test_reading.py::test_case_51_answers_of_people_and_their_programs_are_nothing",
    52: "perform/test_notices.py::test_in_doubt_a_letter_is_repeated_once_with_the_same_id_and_never_again",  # with any key
    53: "perform/mail/test_letter.py::test_no_words_change_headers_or_recipients",
    54: "wording/test_overrides.py::test_whatever_a_template_does_ours_goes_out_and_the_log_says_where",
    55: "wording/test_overrides.py::test_a_letter_that_leaves_out_a_fact_in_either_part_is_not_written",
    56: "pages/test_get_changes_nothing.py::test_get_and_head_change_nothing_at_any_address",
    57: "pages/test_links_abroad.py::test_case_57_a_link_that_leaks_shows_nothing_of_anybody_and_opens_nothing_else",
    58: "pages/test_links_abroad.py::test_case_58_nobody_but_the_settings_says_whose_name_and_links_we_show",
    59: "perform/mail/test_pace.py::test_ten_thousand_letters_take_as_long_as_was_said",
    60: "perform/test_notices.py::test_who_has_paid_a_moment_before_gets_no_letter",  # read anew unless two seconds ago
    61: "perform/test_notices.py::test_one_person_with_both_roles_gets_one_letter",
    62: "stories/test_restarts.py::test_a_thousand_restarts_send_no_notice_a_third_time",
    83: "edges/test_scenario.py::test_an_account_that_is_not_named_in_one_way_only_does_not_come_in",
    84: "edges/test_scenario.py::test_no_header_lets_a_suspended_account_in",
    85: "edges/test_scenario.py::test_no_address_lets_a_suspended_account_in_but_those_that_the_product_reads_as_open",
    86: "gate/test_fuzz.py::test_requests_that_nobody_would_think_of_are_answered_as_an_independent_rule_says",
    87: "edges/test_scenario.py::test_with_the_gate_hanging_everybody_is_let_in_and_it_shows",
    88: "gate/test_book.py::test_a_denial_is_believed_for_72_hours_after_the_last_sign_of_life_and_again_after_the_next",
    89: "gate/test_follow.py::test_no_torn_file_and_no_flipped_bit_is_ever_taken",
    90: "gate/test_book.py::test_more_new_denials_than_can_be_meant_are_not_believed_and_whom_the_same_word_opens_is_opened",
    91: "gate/test_answers.py::test_everybody_is_let_in_before_the_first_snapshot_and_the_gate_is_not_ready",
    92: "gate/test_failures_e.py::test_case_92_accounts_that_nobody_knows_are_let_in_and_leave_nothing_behind",
    93: "peers/test_doctor_edge.py::test_what_is_wired_wrongly_is_named_with_what_to_do",
    94: "edges/test_behind_a_cache.py::test_a_restored_account_sees_the_product_through_a_cache",
    95: "edges/test_scenario.py::test_a_websocket_passes_and_a_suspended_account_opens_none",
    96: "gate/test_fuzz.py::test_whatever_follows_the_target_nginx_gets_200_or_403",
    97: "edges/test_scenario.py::test_a_web_part_that_is_slow_delays_the_page_and_opens_nothing",  # and no gRPC
    98: "edges/test_scenario.py::test_what_a_client_says_of_itself_opens_nothing_and_does_not_reach_the_product",
    99: "pages/test_return_addresses.py::test_case_99_no_address_takes_a_real_browser_elsewhere",
    100: "gate/test_failures_e.py::test_case_100_what_stripe_calls_an_account_is_shown_and_never_run",
    101: "pages/test_routes.py::test_every_answer_carries_the_same_protection",
    102: "gate/test_server.py::test_a_stranger_is_told_nothing_about_any_account",
    103: "pages/test_self_service.py::test_case_103_a_stranger_learns_of_no_debt_and_no_name",
    104: "gate/test_failures_e.py::test_case_104_five_thousand_restorations_are_one_line_and_the_gate_shows_them_all",
    105: "edges/test_scenario.py::test_a_body_in_chunks_passes_whole_and_that_of_a_suspended_account_not_at_all",
    106: "gate/test_staff.py::test_a_pass_lets_staff_in_at_every_edge_and_the_product_is_told_the_true_standing",
    107: "gate/test_server.py::test_sixteen_gates_show_a_restoration_from_its_line_of_changes_on_and_none_goes_back",
    108: "gate/test_asgi.py::test_whatever_fails_in_us_is_counted_and_said_once_and_the_request_goes_on",
    125: "wiring/test_policy_adoption.py::test_a_change_that_writes_to_more_than_the_cap_waits_for_a_person",
    126: "wiring/test_policy_lines.py::test_a_file_of_another_kind_is_refused_before_anything_starts",
    127: "policy/test_decide_invoices.py::test_what_is_owed",
    128: "perform/test_notices.py::test_outside_production_only_the_allowed_domains_are_written_to",
    129: "test_review.py::test_arming_does_exactly_what_the_dry_run_said",
}
# 22: to close only what is unpaid is up to the product, which knows its parts: it names them as accounts of their own.
NOT_SHOWN: Final = {22}


def test_each_case_has_a_test() -> None:
    assert set(SHOWN) | NOT_SHOWN == {*range(1, 63), *range(83, 109), *range(125, 130)}
    for case, place in SHOWN.items():
        path, _, name = place.partition("::")
        tree = ast.parse((_TESTS / path).read_text())
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, case


@pytest.mark.parametrize(("ahead", "reads"), [(timedelta(0), ()), (timedelta(seconds=1), ("in_1",))])
def test_case_39_what_was_read_in_the_future_is_not_fresh(ahead: timedelta, reads: tuple[str, ...]) -> None:
    known = facts(notices=reminded() + warned(), invoices=(invoice(read_at=on(25) + ahead),))
    assert decide(known, Rules(), on(25)).read_first == reads
