// The calls go to where this page comes from, behind whatever path that is.
const base = new URL(".", location.href);

async function show() {
  const answer = await fetch(new URL("openapi.json", base));
  if (!answer.ok) {
    throw new Error(`openapi.json can't be had: ${answer.status}`);
  }
  const spec = await answer.json();
  spec.servers = [{ url: base.href.replace(/\/$/, "") }];
  optionalParameters(spec).forEach(describeExample);
  // No option here reads the address or stores anything: a token lives as long as the page does.
  SwaggerUIBundle({
    spec,
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

function optionalParameters({ paths, components }) {
  const holders = Object.values(paths).flatMap((item) => [item, ...Object.values(item)]);
  return [
    ...Object.values(components?.parameters ?? {}),
    ...holders.flatMap((holder) => holder.parameters ?? []),
  ].filter((parameter) => !parameter.required);
}

// The renderer sends an example unless a person removes it: If-Match would never match.
function describeExample(parameter) {
  if (parameter.example !== undefined) {
    parameter.description = `${parameter.description ?? ""} Example: \`${parameter.example}\``;
    delete parameter.example;
  }
}

show().catch((error) => {
  document.querySelector("#docs").textContent = error.message;
});
