// What readers by ear and by keyboard need, and the theme leaves out.

document.querySelector(".md-search")?.setAttribute("aria-label", "Search");

// wide tables scroll: they can be reached, in order to be scrolled
const reach = () => {
  for (const wrap of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])")) {
    wrap.tabIndex = 0;
  }
};
new MutationObserver(reach).observe(document.body, { childList: true, subtree: true });
reach();

// places that can be linked to are no links themselves
for (const place of document.querySelectorAll('a[href=""][id]:empty')) {
  place.removeAttribute("href");
}
