// Asks the server that the page came from. Whoever is not logged in is sent to the login.
export async function ask(path, options) {
  const answer = await fetch(path, options);
  if (answer.status === 401) location.replace("/login");
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok && body.error) throw new Error(body.error);
  return { body, status: answer.status };
}
