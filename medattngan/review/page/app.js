// The page of a reader: opens the study and binds the parts together.

import { getStudy } from "./api.js";
import { Cases } from "./cases.js";
import { Clock } from "./clock.js";
import { bindCommands } from "./commands.js";
import { Curtain } from "./curtain.js";
import { Delivery } from "./delivery.js";
import { Form } from "./form.js";
import { Gallery } from "./gallery.js";
import { Gestures } from "./gestures.js";
import { Help } from "./help.js";
import { conventionOf, layPanes, nameOf } from "./panes.js";
import { waitingSentence } from "./messages.js";
import { Outbox } from "./outbox.js";
import { Progress } from "./progress.js";
import { Reading } from "./reading.js";
import { Screens } from "./screens.js";
import { bindTheme } from "./settings.js";
import { openStorage } from "./storage.js";
import { showProgress, showTime, Toolbar } from "./toolbar.js";
import { Viewer } from "./viewer.js";
import { localise, say, told } from "./words.js";

const LONGEST_WAIT_MS = 15000;

const find = (selector) => document.querySelector(selector);
localise();
const curtain = new Curtain(find("#curtain"), find("main"));
const screens = new Screens(curtain);
const help = new Help(find("#help"));

bindTheme(find("#theme"));
find("#help-button").onclick = () => help.toggle();
const study = await openStudy();
if (study !== null) await read(study);

/** The study, asked for until it comes; null when this browser may not have it. */
async function openStudy() {
  for (let wait = 1000; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    const { status, body } = await getStudy();
    if (status === 200) return body;
    if ([401, 403, 410].includes(status)) {
      screens.refused(status);
      return null;
    }
    screens.stop(status === 0 ? "unreachable" : "broken");
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

/** Read the cases of `study`, beginning with what was left on this computer. */
async function read(study) {
  const storage = await openStorage(study.reader);
  const waiting = await storage.reads();
  const progress = new Progress(study, waiting);
  screens.open(study, storage.lasting);
  screens.unsent = waiting.length;
  study.title = told(study.title);
  find("#title").textContent = study.title;
  if (study.closed) {
    screens.stop("closed");
    return;
  }
  const clock = new Clock();
  const canvases = layPanes(find("#panes"), study);
  find("#convention").textContent = conventionOf(study.edges);
  const viewer = new Viewer(canvases, study, () => {
    toolbar.painted();
    gallery.paint();
  });
  const toolbar = new Toolbar(find, study, viewer, canvases);
  const gestures = new Gestures(canvases, viewer, study);
  const gallery = new Gallery(find("#gallery"), study, viewer);
  const page = pageOf({ study, progress, clock, storage });
  const delivery = new Delivery(study, storage, progress, page);
  const outbox = new Outbox(storage, delivery, page.waiting);
  const form = new Form(find("#questions"), study.questions, { changed: () => reading.touched(), done: () => find("#save").focus() });
  const reading = new Reading({ study, progress, storage, outbox, cases: new Cases(study), viewer, form, clock, page, waiting });
  page.reading = reading;
  bindCommands({ find, study, viewer, toolbar, gestures, gallery, form, reading, help, curtain, screens });
  addEventListener("beforeunload", (event) => screens.unsent > 0 && event.preventDefault());
  setInterval(() => clock.running && showTime(find, clock.elapsed()), 500);
  watchOtherReaders(study.reader, page);
  outbox.flush();
  begin(study, progress, page);
}

/** What the parts may ask of the page. */
function pageOf({ study, progress, clock, storage }) {
  const page = {
    reading: null,
    say(sentence) {
      find("#message").textContent = sentence;
    },
    shown(n) {
      page.say("");
      showProgress(find, study, progress, n);
      showTime(find, 0);
      find("#save").textContent = say(progress.isAnswered(n) ? "save_next" : "save_on");
      const words = say(study.depth > 1 ? "stack_of_case" : "slice_of_case", { n });
      for (const canvas of document.querySelectorAll(".pane canvas")) canvas.setAttribute("aria-label", nameOf(canvas, words));
    },
    finished() {
      showProgress(find, study, progress, null);
      screens.finished(() => page.reading.show(1));
    },
    progressed() {
      if (screens.barred) location.reload(); // the link is open again
      showProgress(find, study, progress, page.reading.n);
    },
    refused(status) {
      clock.stop();
      screens.refused(status);
    },
    otherReader() {
      clock.stop();
      screens.stop("otherReader");
    },
    giveBack(read, sentence) {
      if (curtain.kind === "finished") curtain.lift();
      return page.reading.giveBack(read, sentence);
    },
    waiting(count, reached) {
      screens.unsent = count;
      find("#kept").textContent = waitingSentence(count, reached, storage.lasting);
      find("#kept").dataset.state = count === 0 ? "saved" : reached ? "waiting" : "offline";
      if (curtain.kind === "finished") page.finished();
    },
  };
  return page;
}

/** One browser holds one reader's link: a window of another reader would be given the wrong slices. */
function watchOtherReaders(reader, page) {
  const channel = new BroadcastChannel("medattngan-review");
  channel.onmessage = ({ data }) => data !== reader && page.otherReader();
  channel.postMessage(reader);
}

/** The instructions first; a page that is only loaded again in the same window goes straight on. */
function begin(study, progress, page) {
  const begun = `begun ${study.reader}`;
  const goOn = () => page.reading.goOn();
  showProgress(find, study, progress, progress.next);
  if (progress.next === null) page.finished();
  else if (sessionStorage.getItem(begun) !== null) {
    curtain.lift();
    goOn();
  } else {
    screens.start(study, progress, () => {
      sessionStorage.setItem(begun, "yes");
      goOn();
    });
  }
}
