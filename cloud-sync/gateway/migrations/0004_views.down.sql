DROP VIEW seed_action_status, seed_meeting_status, seed_user_roles, current_actions, current_decisions, current_notes,
    usage_events, audit, chain_records;
