// What HTML alone cannot do: a citation opens what it stands for, and buttons in answers and lists tell the server.
// `trigger` is Gradio's; the server gets the button's data attributes and nothing else.
const shown = (number) => {
  const item = document.getElementById(number);
  if (!item) return false;
  document.querySelectorAll("details.shown").forEach((other) => other.classList.remove("shown"));
  item.open = true;
  item.classList.add("shown");
  item.scrollIntoView({ block: "center" });
  item.querySelector("summary").focus({ preventScroll: true });
  return true;
};

const judged = (button) => {
  const form = button.closest(".feedback");
  const told = { ...button.dataset, comment: form.querySelector("input").value };
  if (button.dataset.verdict) {
    form.querySelectorAll("[data-verdict]").forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
    form.querySelector(".comment").hidden = false;
  } else {
    told.verdict = form.querySelector('[aria-pressed="true"]').dataset.verdict;
  }
  return told;
};

document.addEventListener("click", (event) => {
  const cite = event.target.closest("a.cite");
  if (cite && shown(cite.getAttribute("href").slice(1))) event.preventDefault();
  const button = event.target.closest("button[data-action]");
  if (!button) return;
  event.preventDefault();
  trigger("click", button.dataset.action === "judge" ? judged(button) : { ...button.dataset });
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches(".comment input")) event.target.nextElementSibling.click();
});

// A new question moves to the top of the conversation, so that its answer is read from its beginning.
let questions = 0;
new MutationObserver(() => {
  const asked = document.querySelectorAll("#conversation .asked");
  const log = document.querySelector("#conversation [role=log]");
  if (log && asked.length > questions) {
    const last = asked[asked.length - 1];
    log.scrollTop += last.getBoundingClientRect().top - log.getBoundingClientRect().top - 16;
  }
  questions = asked.length;
}).observe(document.body, { childList: true, subtree: true });
