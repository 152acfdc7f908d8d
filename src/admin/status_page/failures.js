// The last failures, newest first. Those that are the same are one entry, however many they are.
import { byId, Children, element, setText } from "./dom.js";
import { ago, clock, duration } from "./format.js";
import { keyOfRequest, showWhen } from "./tables.js";

function causes(failures) {
  const same = ({ name, status, outcome, diagnosis }) =>
    [name, status, outcome, diagnosis].join("\n");
  return [...Map.groupBy(failures, same)].map(([key, requests]) => ({ key, requests }));
}

function createRequest() {
  return element("li", {}, element("time"), " ", element("span", { class: "url" }), " ",
    element("code"), " ", element("span", { class: "soft" }));
}

function updateRequest(item, request) {
  const [time, url, id, took] = item.children;
  time.dateTime = new Date(request.time * 1000).toISOString();
  setText(time, clock(request.time));
  setText(url, request.url);
  setText(id, request.request_id);
  setText(took, duration(request.duration_seconds));
}

const list = new Children(byId("failures"), {
  key: ({ key }) => key,
  create() {
    const requests = element("ol");
    const item = element("li", {},
      element("p", { class: "what" }, element("strong"), " ", element("b"), " ",
        element("span", { class: "soft" })),
      element("p", { class: "diagnosis" }),
      element("details", {}, element("summary"), requests));
    item.requests = new Children(requests, { create: createRequest, update: updateRequest,
      key: keyOfRequest });
    return item;
  },
  update(item, { requests }) {
    const [latest] = requests;
    const [status, name, when] = item.querySelector(".what").children;
    setText(status, String(latest.status));
    setText(name, latest.name);
    setText(when, ago(latest.age));
    setText(item.querySelector(".diagnosis"), latest.diagnosis || latest.outcome);
    setText(item.querySelector("summary"),
      requests.length === 1 ? "The request" : `The last ${requests.length} requests`);
    item.requests.show(requests);
  },
});

export function showFailures({ failures }) {
  showWhen("failures", failures.length > 0);
  list.show(causes(failures));
}
