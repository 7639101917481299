// What the page says when something is not as it should be: sentences that name the cure.

export function plural(count, one, many) {
  return `${count} ${count === 1 ? one : many}`;
}

export function waitingSentence(count, reached, lasting) {
  if (count === 0) return "All answers saved";
  const what = `${plural(count, "case", "cases")} waiting to be sent`;
  if (reached) return what;
  return lasting ? `No connection: ${what}, kept on this computer` : `No connection: ${what}. Do not close this window`;
}

/** Curtains: what is shown in place of the slice. `waiting` is the number of cases not yet sent. */
export const CURTAINS = {
  expired: (waiting) => ({
    title: "Your link is no longer valid here",
    text: [
      "Open your personal link again. If that does not help, ask whoever runs the study for a new one.",
      ...kept(waiting, "They are sent once your link is open again."),
    ],
  }),
  closed: (waiting) => ({
    title: "This study is closed",
    text: [
      "Thank you for your time. No more answers are taken.",
      ...(waiting ? [`${plural(waiting, "case", "cases")} read on this computer came too late and did not count. Tell whoever runs the study.`] : []),
    ],
  }),
  otherReader: (waiting) => ({
    title: "Another reader's link was opened in this browser",
    text: ["Open your own personal link again before you continue.", ...kept(waiting, "They are sent once it is open.")],
  }),
  unreachable: () => ({
    title: "The study cannot be reached",
    text: ["Trying again. Check the network; nothing that you have answered is lost."],
  }),
  broken: () => ({
    title: "The server could not load the study",
    text: ["Trying again. If this persists, tell whoever runs the study."],
  }),
};

function kept(waiting, then) {
  return waiting ? [`${plural(waiting, "case is", "cases are")} kept on this computer. ${then}`] : [];
}

export function alreadyAnswered(n) {
  return `Case ${n} had been answered before, and the protocol does not let an answer be changed: the first answer stands.`;
}

export function notAccepted(n, reason) {
  return `The answers to case ${n} were not accepted: ${reason ?? "the server gave no reason."} Please answer it again.`;
}
