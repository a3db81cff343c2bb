// Send requests to the origin and path that serve this page.
const base = new URL(".", location.href);

async function show() {
  const response = await fetch(new URL("openapi.json", base));
  if (!response.ok) {
    throw new Error(`openapi.json could not be loaded: status ${response.status}`);
  }
  const spec = await response.json();
  spec.servers = [{ url: base.href.replace(/\/$/, "") }];
  optionalParameters(spec).forEach(describeExample);
  // No option reads the address or stores anything, so a token lives as long as the page.
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

// Swagger UI sends an example unless a person removes it, and If-Match would never match.
function describeExample(parameter) {
  if (parameter.example !== undefined) {
    parameter.description = `${parameter.description ?? ""} Example: \`${parameter.example}\``;
    delete parameter.example;
  }
}

show().catch((error) => {
  document.querySelector("#docs").textContent = error.message;
});
