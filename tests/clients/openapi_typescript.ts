import createClient from "openapi-fetch";
import type { components, paths } from "./client";

type User = components["schemas"]["User"];
type ApiError = components["schemas"]["Problem"] | components["schemas"]["GatewayMessage"];

const client = createClient<paths>({ baseUrl: "https://api.example.com" });

function fail(error: ApiError): never {
  if ("message" in error) throw new Error(error.message);
  const faults = (error.errors ?? []).map(({ pointer, detail }) => `${pointer}: ${detail}`);
  throw new Error([error.detail, ...faults].join("; "));
}

export async function create(username: string, key: string): Promise<User> {
  const { data, error } = await client.POST("/users", {
    params: { header: { "Idempotency-Key": key } },
    body: { username },
  });
  return error ? fail(error) : data;
}

export async function read(username: string, etag?: string): Promise<User | undefined> {
  const { data, error, response } = await client.GET("/users/{username}", {
    params: { path: { username }, ...(etag && { header: { "If-None-Match": etag } }) },
  });
  if (response.status === 304) return undefined;
  return error ? fail(error) : data;
}

export async function* list(): AsyncGenerator<User> {
  let cursor: string | undefined;
  do {
    const query = { status: "active" as const, limit: 100, ...(cursor && { cursor }) };
    const { data, error } = await client.GET("/users", { params: { query } });
    if (error) fail(error);
    yield* data.users;
    cursor = data.next_cursor;
  } while (cursor);
}

export async function forgetEmail(username: string, etag: string): Promise<string> {
  const { data, error } = await client.PATCH("/users/{username}", {
    params: { path: { username }, header: { "If-Match": etag } },
    body: { email: null, attributes: { badge: null } },
  });
  return error ? fail(error) : data.status;
}

// @ts-expect-error There is no such status.
export const wrong: components["schemas"]["NewUser"] = { username: "jane", status: "invited" };
