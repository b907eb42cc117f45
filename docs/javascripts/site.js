// What readers by ear need, and the theme leaves out: a name for its search.
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
