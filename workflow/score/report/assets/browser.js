// The rollout browser: filters, list, and one problem with the attempts of one policy or two.

const [RIGHT_FIRST, RIGHT_SECOND, TRUNCATED, DIFFERS] = [1, 2, 4, 8]; // as in score.report.rollouts
const PAGE = 100; // rows of the list that are drawn at once
const TRANSITIONS = { wr: "wrong → right", rw: "right → wrong", rr: "right → right", ww: "wrong → wrong" };
const START = { policy: "", other: "", transition: "", level: "", truncated: "", differs: "", apart: "",
  search: "", problem: "", sample: "", source: "" };

const waiting = new Map(); // part number -> how to hand it over
window.scorePart = (number, packed) => waiting.get(number)?.(packed);

class Browser {
  constructor(place, index) {
    this.place = place;
    this.index = index;
    this.index.pieces = new RegExp(index.pieces, "g");
    this.state = { ...START };
    this.parts = new Map();
    this.shown = []; // rollouts of the policy that pass the filters
    this.waiting = 0; // changes of the view that are not shown yet
    this.draw();
  }

  get policy() { return this.index.policies.find((policy) => policy.name === this.state.policy); }
  get other() { return this.index.policies.find((policy) => policy.name === this.state.other); }

  // -------------------------------------------------------------------------------------------- what is there
  /** A policy's texts. They are opened when they are asked for, and the last four are kept. */
  async part(policy) {
    if (!this.parts.has(policy)) {
      const number = this.index.policies.indexOf(policy);
      const part = await unpack(await this.packed(number));
      part.searched = null;
      part.place = new Map(policy.problem.map((problem, i) => [rolloutKey(policy, i, problem), i]).reverse());
      this.parts.set(policy, part);
      if (this.parts.size > 4) this.parts.delete(this.parts.keys().next().value);
    }
    return this.parts.get(policy);
  }

  packed(number) {
    if (this.index.partsAt === null) return document.getElementById(`data-part-${number}`).textContent;
    return new Promise((resolve, reject) => {
      const script = make("script", { src: `${this.index.partsAt}/${number}.js` });
      waiting.set(number, (packed) => { resolve(packed); script.remove(); });
      script.onerror = () => reject(new Error(`${script.src} is missing; keep it beside the report`));
      document.head.append(script);
    });
  }

  /** What a rollout is searched by, in small letters: id, question, answers and attempts. */
  searched(part, policy) {
    const { id, question, answer } = this.index.problems;
    part.searched ??= policy.problem.map((problem, i) => [id[problem], question[problem], answer[problem],
      ...part.attempt.map((texts) => texts[i])].join("\n").toLowerCase());
    return part.searched;
  }

  // -------------------------------------------------------------------------------------------------- filters
  filter(part) {
    const { state, policy, other } = this;
    const wanted = state.search.trim().toLowerCase();
    const texts = wanted ? this.searched(part, policy) : null;
    const level = this.index.problems.level;
    const needed = (state.truncated ? TRUNCATED : 0) | (state.differs ? DIFFERS : 0);
    const rights = { rr: 3, rw: 1, wr: 2, ww: 0 }[state.transition];
    const others = other && state.apart ? secondVerdicts(other) : null;
    const shown = [];
    for (let i = 0; i < policy.flags.length; i++) {
      const flags = policy.flags[i], problem = policy.problem[i];
      if ((flags & needed) !== needed) continue;
      if (rights !== undefined && (flags & 3) !== rights) continue;
      if (state.level && level[problem] !== state.level) continue;
      if (others && others.get(rolloutKey(other, i, problem, policy)) === !!(flags & RIGHT_SECOND)) continue;
      if (texts && !texts[i].includes(wanted)) continue;
      shown.push(i);
    }
    return shown;
  }

  /** Take over some of the state, filter, and show; a part that can't be opened is said in the list's head. */
  async set(change, remember = true) {
    Object.assign(this.state, change);
    this.waiting += 1;
    this.place.ariaBusy = "true";
    try {
      await this.show(remember);
    } catch (error) {
      this.count.textContent = error.message;
    }
    this.waiting -= 1;
    if (!this.waiting) this.place.ariaBusy = "false";
  }

  async show(remember) {
    for (const [name, control] of Object.entries(this.controls)) {
      const offers = control.options && [...control.options].some(({ value }) => value === this.state[name]);
      if (offers === false) this.state[name] = ""; // an address may hold anything
    }
    if (!this.policy) this.state.policy = this.index.policies[0].name;
    if (!this.other || this.other === this.policy) this.state.other = "";
    if (!this.state.other) this.state.apart = "";
    const policy = this.policy;
    const part = await this.part(policy);
    const second = this.other ? await this.part(this.other) : null;
    if (policy !== this.policy) return; // another choice came meanwhile
    this.shown = this.filter(part);
    if (this.position() < 0 && this.shown.length) this.choose(this.shown[0]);
    for (const [name, control] of Object.entries(this.controls)) {
      if (control.type === "checkbox") control.checked = this.state[name] !== "";
      else if (control.value !== this.state[name]) control.value = this.state[name];
    }
    this.controls.apart.disabled = !this.other;
    if (remember) history.replaceState(null, "", this.link());
    this.drawList();
    drawProblem(this, part, second);
  }

  choose(rollout) {
    const { policy } = this;
    this.state.problem = this.index.problems.id[policy.problem[rollout]];
    this.state.sample = policy.sample ? policy.sample[rollout] : "";
  }

  /** Where the chosen problem is among those shown; -1 where it is not. */
  position() {
    const { policy, state } = this;
    const problem = this.index.problems.id.indexOf(state.problem);
    const fits = (i) => policy.problem[i] === problem &&
      (!state.sample || !policy.sample || policy.sample[i] === state.sample);
    return this.shown.findIndex(fits);
  }

  step(by) {
    const place = this.position() + by;
    if (place < 0 || place >= this.shown.length) return;
    this.choose(this.shown[place]);
    this.set({});
  }

  link() {
    const changed = Object.entries(this.state).filter(([, value]) => value !== "");
    return `#view&${new URLSearchParams(changed)}`;
  }

  /** Take the state of an address, as `link` writes it. */
  open(hash) {
    if (!hash.startsWith("#view&")) return false;
    const given = new URLSearchParams(hash.slice(6));
    const state = Object.fromEntries(Object.keys(START).map((name) => [name, given.get(name) ?? ""]));
    this.set(state, false);
    return true;
  }

  // -------------------------------------------------------------------------------------------------- drawing
  draw() {
    const { policies, problems } = this.index;
    const names = policies.map((policy) => [policy.name, policy.name]);
    const levels = [...new Set(problems.level)].filter((level) => level !== null);
    levels.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    this.controls = {};
    const form = make("form", { className: "filters" },
      this.choice("policy", "policy", names),
      this.choice("other", "beside it", [["", "none"], ...names]),
      this.choice("transition", "goes from", [["", "all"], ...Object.entries(TRANSITIONS)]),
      levels.length ? this.choice("level", "level", [["", "all"], ...levels.map((l) => [l, l])]) : null,
      this.search(),
      make("span", { className: "boxes" },
        this.box("truncated", "cut at the limit"),
        this.box("differs", "second opinion differs"),
        this.box("apart", "the two policies end differently"),
        this.box("source", "as written")));
    form.onsubmit = (event) => event.preventDefault();
    this.count = make("p", { role: "status", className: "quiet" });
    this.list = make("ol", {});
    this.pages = make("p", { className: "pages" });
    this.problem = make("article", { tabIndex: -1 });
    const keys = "Keys: j and k for the next and the last one, / to search, s for texts as written.";
    const aside = make("div", { className: "list" }, this.count, this.list, this.pages);
    this.place.append(form, make("p", { className: "quiet keys" }, keys),
      make("div", { className: "split" }, aside, this.problem));
    document.addEventListener("keydown", (event) => this.key(event));
  }

  choice(name, label, options) {
    const select = make("select", {}, ...options.map(([value, text]) => make("option", { value }, text)));
    select.onchange = () => this.set({ [name]: select.value });
    this.controls[name] = select;
    return make("label", {}, label, select);
  }

  search() {
    const input = make("input", { type: "search", autocomplete: "off", spellcheck: false });
    input.oninput = () => this.set({ search: input.value });
    this.controls.search = input;
    return make("label", { className: "search" }, "search in questions, answers, attempts", input);
  }

  box(name, label) {
    const box = make("input", { type: "checkbox" });
    box.onchange = () => this.set({ [name]: box.checked ? "1" : "" });
    this.controls[name] = box;
    return make("label", {}, box, label);
  }

  key(event) {
    const typing = event.target.matches?.("input[type=search], select");
    if (event.key === "Escape" && typing) event.target.blur();
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = { j: () => this.step(1), k: () => this.step(-1), "/": () => this.controls.search.focus(),
      s: () => this.set({ source: this.state.source ? "" : "1" }) }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  drawList() {
    const { policy, shown } = this;
    const place = this.position();
    const page = Math.max(0, Math.floor(place / PAGE));
    this.count.textContent = `${shown.length.toLocaleString("en")} of ` +
      `${policy.flags.length.toLocaleString("en")} rollouts`;
    const rows = shown.slice(page * PAGE, (page + 1) * PAGE).map((i) => this.row(i, i === shown[place]));
    this.list.start = page * PAGE + 1;
    this.list.replaceChildren(...rows);
    this.pages.replaceChildren(...(shown.length > PAGE ? this.turning(page) : []));
    const current = this.list.querySelector("[aria-current]");
    if (current) scrollWithin(this.list, current);
  }

  row(rollout, isCurrent) {
    const { id, question } = this.index.problems, { policy } = this;
    const problem = policy.problem[rollout], flags = policy.flags[rollout];
    const name = policy.sample ? `${id[problem]} · ${policy.sample[rollout]}` : id[problem];
    const button = make("button", { type: "button" },
      make("span", { className: "signs" }, signs(flags)),
      make("span", { className: "id" }, name),
      make("span", { className: "start" }, ...seenText(question[problem].slice(0, 90))));
    if (isCurrent) button.setAttribute("aria-current", "true");
    button.onclick = () => { this.choose(rollout); this.set({}); };
    return make("li", {}, button);
  }

  turning(page) {
    const last = Math.ceil(this.shown.length / PAGE) - 1;
    const turn = (label, to) => {
      const button = make("button", { type: "button", disabled: to < 0 || to > last }, label);
      button.onclick = () => { this.choose(this.shown[to * PAGE]); this.set({}); };
      return button;
    };
    return [turn("← page", page - 1), ` ${page + 1} of ${last + 1} `, turn("page →", page + 1)];
  }
}

/** Names a rollout over policies: its problem and, where there are several of one, which. */
function rolloutKey(policy, rollout, problem, from = policy) {
  return policy.sample && from.sample ? `${problem}/${from.sample[rollout]}` : `${problem}`;
}

function secondVerdicts(policy) {
  return new Map(policy.problem.map((problem, i) =>
    [rolloutKey(policy, i, problem), !!(policy.flags[i] & RIGHT_SECOND)]).reverse());
}

function scrollWithin(box, part) {
  const top = part.offsetTop;
  if (top < box.scrollTop || top + part.offsetHeight > box.scrollTop + box.clientHeight) {
    box.scrollTop = top - box.clientHeight / 3;
  }
}

async function startBrowser() {
  const data = document.getElementById("data-index"), note = document.getElementById("browser-note");
  if (!data) return;
  try {
    const place = document.getElementById("browser");
    const browser = new Browser(place, await unpack(data.textContent));
    note.textContent = "Every attempt at every test problem. Words that attempt 2 dropped are underlined " +
      "with dots in attempt 1; words that it brought are underlined in attempt 2.";
    window.addEventListener("hashchange", () => browser.open(location.hash));
    if (browser.open(location.hash)) place.scrollIntoView();
    else await browser.set({ policy: place.dataset.first, ...firstCorrection(browser, place.dataset.first) }, false);
    place.dataset.ready = "yes";
  } catch (error) {
    note.textContent = `The rollouts can't be opened: ${error.message}.`;
  }
}

/** A problem that the policy got wrong and then right, to begin with. */
function firstCorrection(browser, name) {
  const policy = browser.index.policies.find((one) => one.name === name);
  const found = policy ? policy.flags.findIndex((flags) => (flags & 3) === RIGHT_SECOND) : -1;
  if (found < 0) return {};
  return { problem: browser.index.problems.id[policy.problem[found]], sample: policy.sample?.[found] ?? "" };
}

startBrowser();
