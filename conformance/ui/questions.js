// Notes of each question of the page what the page shows when that is over: when the next one is
// asked. Two functions come before this: counts, whether the question is one to judge,
// and shows, whether the page shows what it is to show.
if (!window.watched) {
  const { fetch, setTimeout } = window;
  window.watched = { questions: [], pauses: [] };
  window.fetch = (...args) => {
    const { questions, counts, shows } = window.watched;
    if (questions.length) Object.assign(questions.at(-1), { counts: counts(), shows: shows() });
    questions.push({ counts: false });
    return fetch(...args);
  };
  window.setTimeout = (run, pause, ...args) => {
    if (run.name === "ask") window.watched.pauses.push(pause);
    return setTimeout(run, pause, ...args);
  };
}
Object.assign(window.watched, { counts, shows });
