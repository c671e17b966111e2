// One problem: the question, the reference answer, and the attempts of one policy or two.

/** Draw the problem that is chosen. part, second: the texts of the policy, and of the one beside it. */
function drawProblem(browser, part, second) {
  const { policy, other, problem: target, shown } = browser;
  const place = browser.position();
  if (place < 0) {
    target.replaceChildren(make("p", {}, "No rollout passes these filters."));
    return;
  }
  const rollout = shown[place], problem = policy.problem[rollout];
  const { id, question, answer, level } = browser.index.problems;
  const title = make("h3", {}, id[problem], level[problem] === null ? null : ` · level ${level[problem]}`,
    make("a", { href: browser.link(), className: "link" }, "link to this view"));
  const looks = looksOf(browser, browser.index);
  const asked = make("div", { className: "text question" });
  showText(asked, question[problem], looks);
  const wanted = textBox("text answer", "reference answer");
  showAnswer(wanted, answer[problem], looks);
  const told = make("span", { className: "quiet" }, "reference answer");
  const drawn = [drawAttempts(policy, part, rollout, looksOf(browser, part))];
  if (second) {
    const found = second.place.get(rolloutKey(other, rollout, problem, policy));
    drawn.push(found === undefined ? make("p", {}, `${other.name} has not answered this problem.`)
      : drawAttempts(other, second, found, looksOf(browser, second)));
  }
  target.replaceChildren(title, asked, make("div", { className: "reference" }, told, wanted), ...drawn);
}

/** How formulas and code of the index or of a part are shown; null where texts are shown as written. */
function looksOf(browser, { formulas, code }) {
  return browser.state.source ? null : { pieces: browser.index.pieces, formulas, code };
}

function drawAttempts(policy, part, rollout, looks) {
  const sample = policy.sample ? `, sample ${policy.sample[rollout]}` : "";
  const title = make("h4", {}, `${policy.name}${sample} `,
    make("span", { className: "signs" }, signs(policy.flags[rollout])));
  const boxes = part.attempt.map((_, turn) => drawAttempt(policy.name, part, rollout, turn, looks));
  return make("section", { className: "policy" }, title, make("div", { className: "pair" }, ...boxes));
}

function drawAttempt(policy, part, rollout, turn, looks) {
  const attempt = part.attempt[turn][rollout], stated = part.extracted[turn]?.[rollout] ?? null;
  const runs = part.changes[Math.max(turn - 1, 0)]?.[rollout] ?? null;
  const text = textBox("text", `attempt ${turn + 1} of ${policy}`);
  showText(text, attempt, looks, runs ? changedRanges(runs, turn ? 2 : 1) : [], turn ? "ins" : "del");
  if (!attempt) text.append(make("span", { className: "quiet" }, "(empty)"));
  const states = make("p", { className: "states" }, stated === null ? "states no answer" : "states: ");
  if (stated !== null) showAnswer(states, String(stated), looks);
  const isLong = turn > 0 && runs === null;
  return make("div", { className: "attempt" }, make("h5", {}, `Attempt ${turn + 1}`),
    make("p", { className: "facts" }, ...facts(part, rollout, turn)), states,
    isLong ? make("p", { className: "quiet" }, "Too long to be compared word by word.") : null, text);
}

/** Verdict, second opinion, truncation and length of an attempt. */
function facts(part, rollout, turn) {
  const told = (name) => part[name][turn]?.[rollout] ?? null;
  const right = part.correct[turn][rollout] === 1, verdict = told("verdict"), opinion = told("second_opinion");
  const found = [make("span", { className: `verdict ${right ? "right" : "wrong"}` }, right ? "✓ right" : "✗ wrong")];
  if (verdict !== null && !["correct", "incorrect"].includes(verdict)) {
    found.push(make("span", {}, verdict.replace("_", " ")));
  }
  if (opinion !== null) {
    const className = opinion === right ? "" : "differs";
    found.push(make("span", { className }, `second opinion: ${opinion ? "right" : "wrong"}`));
  }
  if (told("truncated")) found.push(make("span", { className: "differs" }, "cut at the limit"));
  if (told("tokens") !== null) found.push(make("span", { className: "quiet" }, `${told("tokens")} tokens`));
  return found;
}

/** A box for a long text, which the keyboard can scroll. */
function textBox(className, ariaLabel) {
  return make("div", { className, tabIndex: 0, role: "group", ariaLabel });
}

/** [start, end, ...] of what a text lost (which: 1) or gained (2), from [kept, removed, added, ...]. */
function changedRanges(runs, which) {
  const ranges = [];
  let place = 0;
  for (let i = 0; i < runs.length; i += 3) {
    place += runs[i];
    if (runs[i + which]) ranges.push(place, place + runs[i + which]);
    place += runs[i + which];
  }
  return ranges;
}

/** Whether both attempts were right, as two signs. */
function signs(flags) {
  return `${flags & RIGHT_FIRST ? "✓" : "✗"}→${flags & RIGHT_SECOND ? "✓" : "✗"}`;
}
