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
  callsFirst(spec);
  // No option reads the address or stores anything, so a token lives as long as the page.
  SwaggerUIBundle({
    spec,
    dom_id: "#docs",
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    deepLinking: true,
    defaultModelsExpandDepth: 0,
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

// Fold all but the description's first paragraph, and list HEAD after the other calls.
function callsFirst(spec) {
  const [first, ...others] = spec.info.description.split("\n\n");
  const fold = ["<details><summary>Conventions, limits and errors</summary>", ...others, "</details>"];
  spec.info.description = [first, ...fold].join("\n\n");
  for (const { head } of Object.values(spec.paths)) {
    if (head) head.tags = ["HEAD"];
  }
  spec.tags.push({ name: "HEAD", description: "The headers of GET." });
}

// The renderer has dark colours, but doesn't ask for them.
const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
document.documentElement.classList.toggle("dark-mode", isDark);

show().catch((error) => {
  document.querySelector("#docs").textContent = error.message;
});
