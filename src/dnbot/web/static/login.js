const token = document.getElementById("token");
const problem = document.getElementById("problem");

async function logIn() {
  const answer = await fetch("/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: token.value.trim(), name: document.getElementById("name").value.trim() }),
  }).catch(() => null);
  if (answer === null) {
    problem.textContent = "The server does not answer.";
  } else if (answer.ok) {
    location.replace("/");
  } else {
    problem.textContent = (await answer.json()).error;
    token.select();
  }
}

document.getElementById("login").addEventListener("submit", (event) => {
  event.preventDefault();
  logIn();
});

if (location.hash.length > 1) {
  token.value = location.hash.slice(1);
  history.replaceState(null, "", "/login"); // the token stays in no address bar and no history
  document.getElementById("name").focus();
} else {
  token.focus();
}
