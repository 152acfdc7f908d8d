// The status page: asks for /status.json every two seconds, and shows what it says.
import { byId, setText } from "./dom.js";
import { showFailures } from "./failures.js";
import { age, clock } from "./format.js";
import { plots } from "./history.js";
import { showAttention, showNumbers, showServer, showState, showTotals } from "./overview.js";
import { Plots } from "./plot.js";
import { Poll } from "./poll.js";
import { read } from "./report.js";
import { showPrograms, showSlowest, showWorkers } from "./tables.js";
import { showTab } from "./tab.js";

const now = () => Date.now() / 1000;
const say = text => setText(byId("announcement"), text);

const plotted = new Plots(byId("plots"), plots, say);
let heard = null;  // when the server answered last, by our clock

function show(report) {
  showServer(report);
  const wrong = showAttention(report, say);
  showNumbers(report);
  plotted.show(report);
  showPrograms(report);
  showFailures(report);
  showSlowest(report);
  showWorkers(report);
  showTotals(report);
  showTab(wrong > 0 ? "wrong" : "well", report.server.serves);
}

const poll = new Poll("status.json", {
  onReport(sent) {
    heard = now();
    byId("silence").hidden = true;
    document.body.classList.remove("stale");
    setText(byId("feed"), "Live");
    show(read(sent));
  },
  // In words once: what is in an alert is read out whenever it changes.
  onSilence() {
    if (byId("silence").hidden) {
      setText(byId("silence"), heard === null ? "The server does not answer."
        : `The server has not answered since ${clock(heard)}. All below is from before.`);
      byId("silence").hidden = false;
      document.body.classList.add("stale");
      showState("not answering");
      showTab("silent", byId("serves").textContent);
    }
    setText(byId("feed"), heard === null ? "Asking again"
      : `Silent for ${age(now() - heard)}, asking again`);
  },
});

byId("pause").addEventListener("click", ({ currentTarget: button }) => {
  const paused = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(paused));
  setText(byId("feed"), paused ? `Paused at ${clock(now())}` : "Live");
  poll.pause(paused);
});

poll.start();
