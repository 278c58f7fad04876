// What the page asks of the node that served it, and with which right.

const answerWithin = 5000; // milliseconds
const tokenKey = "wraft-token";

/** Refused says that the node answered, and that the caller may not look. */
export class Refused extends Error {}

/** views fetches what all nodes know. It throws Refused, or Error when nothing came. */
export async function views() {
  const headers = { Accept: "application/json" };
  const token = sessionStorage.getItem(tokenKey);
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch("/v1/cluster/views", { headers, cache: "no-store", signal: AbortSignal.timeout(answerWithin) });
  if (answer.ok) return answer.json();
  const problem = await answer.json().catch(() => ({}));
  const words = problem.detail ? `${problem.detail} (${problem.code})` : `HTTP status ${answer.status}`;
  if (answer.status === 401 || answer.status === 403) {
    sessionStorage.removeItem(tokenKey); // it would stand in the way of a certificate
    throw new Refused(words);
  }
  throw new Error(words);
}

/** keepToken remembers a token for as long as the tab lives. */
export function keepToken(token) {
  sessionStorage.setItem(tokenKey, token.trim());
}

/** takeToken takes a token over from the address (#token=...) and removes it there. */
export function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  keepToken(token);
  history.replaceState(null, "", location.pathname);
}
