DROP FUNCTION prim_erase_meeting(text, text);
DROP TABLE artifacts, actions, decisions, notes, utterances, agenda_items, participants, meetings;
DROP FUNCTION prim_meeting_duration();
