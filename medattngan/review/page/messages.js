// What the page says when something is not as it should be: sentences that name the cure.

import { say } from "./words.js";

export function waitingSentence(count, reached, lasting) {
  if (count === 0) return say("all_saved");
  const what = say("waiting", { count });
  if (reached) return what;
  return say(lasting ? "offline_kept" : "offline_fleeting", { what });
}

/** Curtains: what is shown in place of the slice. `waiting` is the number of cases not yet sent. */
export const CURTAINS = {
  expired: (waiting) => ({ title: say("expired"), text: [say("expired_text"), ...kept(waiting, "expired_then")] }),
  closed: (waiting) => ({
    title: say("closed"),
    text: [say("closed_text"), ...(waiting ? [say("too_late", { count: waiting })] : [])],
  }),
  otherReader: (waiting) => ({
    title: say("other_reader"),
    text: [say("other_reader_text"), ...kept(waiting, "other_reader_then")],
  }),
  unreachable: () => ({ title: say("unreachable"), text: [say("unreachable_text")] }),
  broken: () => ({ title: say("broken"), text: [say("broken_text")] }),
};

function kept(waiting, then) {
  return waiting ? [say("kept", { count: waiting, then: say(then) })] : [];
}

export function alreadyAnswered(n) {
  return say("already", { n });
}

export function notAccepted(n, reason) {
  return say("not_accepted", { n, reason: reason ?? say("no_reason") });
}
