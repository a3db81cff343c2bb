// The calls go to where this page comes from, behind whatever path that is.
const base = new URL(".", location.href);

async function show() {
  const answer = await fetch(new URL("openapi.json", base));
  if (!answer.ok) {
    throw new Error(`openapi.json can't be had: ${answer.status}`);
  }
  const document = await answer.json();
  // No option here reads the address or stores anything: a token lives as long as the page does.
  SwaggerUIBundle({
    spec: { ...document, servers: [{ url: base.href.replace(/\/$/, "") }] },
    dom_id: "#docs",
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    deepLinking: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    persistAuthorization: false,
    queryConfigEnabled: false,
    validatorUrl: null,
  });
}

show().catch((error) => {
  document.querySelector("#docs").textContent = error.message;
});
