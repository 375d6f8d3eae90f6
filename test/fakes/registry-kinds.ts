import {
  type FakeRegistry,
  type FakeRegistryOptions,
  type Misbehaviour,
  refuse,
  startFakeRegistry,
} from "./registry.ts";

export type RegistryKind =
  | "docker-hub"
  | "ghcr"
  | "ecr"
  | "google"
  | "acr"
  | "aliyun"
  | "harbor"
  | "quay"
  | "artifactory"
  | "distribution-2.8"
  | "distribution-3";

const answer =
  (status: number, code: string): Misbehaviour =>
  (_, response) =>
    refuse(response, status, code);

/** A page for people, as proxies and old routers answer what they do not know. */
const page =
  (status: number): Misbehaviour =>
  (_, response) =>
    response.writeHead(status, { "content-type": "text/plain" }).end(`${status} page not found\n`);

const queryOf = (path = ""): URLSearchParams => new URL(path, "http://registry").searchParams;

/** Refuses a query of which `isRefused` is true. */
const unless =
  (isRefused: (query: URLSearchParams) => boolean, status: number, code: string): Misbehaviour =>
  (request, response, proceed) =>
    isRefused(queryOf(request.url)) ? refuse(response, status, code) : proceed();

/** https://github.com/distribution/distribution/blob/v3.0.0/registry/handlers/catalog.go */
const smallCatalogPages = [
  "GET /v2/_catalog",
  unless((query) => Number(query.get("n")) > 1000, 400, "PAGINATION_NUMBER_INVALID"),
] as const;

const user = { user: "secret" };

/** What is documented of registries that cannot be run here, and matters to a client. */
const kinds: Readonly<Record<RegistryKind, FakeRegistryOptions>> = {
  "docker-hub": {
    auth: "bearer",
    users: user,
    expiresIn: 300,
    deviations: [
      ["GET /v2/_catalog", answer(401, "UNAUTHORIZED")],
      ["/referrers/", page(404)],
      // ggcr leaves it out for Docker Hub alone
      ["mount=", unless((query) => query.has("origin"), 400, "BLOB_UPLOAD_INVALID")],
    ],
  },
  ghcr: {
    auth: "bearer",
    users: user,
    deviations: [
      ["GET /v2/_catalog", answer(404, "UNSUPPORTED")],
      ["/referrers/", page(404)],
    ],
  },
  ecr: {
    auth: "basic",
    users: { AWS: "secret" },
    referrers: true,
    mounts: "referenced",
    deviations: [
      ["GET /v2/_catalog", unless((query) => Number(query.get("n")) > 1000, 405, "UNSUPPORTED")],
      ["POST /v2/missing/", answer(404, "NAME_UNKNOWN")],
      // https://github.com/cirruslabs/tart/issues/159
      [
        "PUT /v2/",
        (request, response, proceed) =>
          request.url?.includes("/blobs/") && request.headers["content-length"] === "0"
            ? response.writeHead(500).end()
            : proceed(),
      ],
    ],
  },
  google: {
    auth: "bearer",
    users: user,
    referrers: true,
    deviations: [
      ["PATCH /v2/", answer(400, "UNSUPPORTED")],
      ["GET /v2/_catalog", unless((query) => Number(query.get("n")) > 100, 400, "PAGINATION_NUMBER_INVALID")],
    ],
  },
  acr: { auth: "bearer", identityToken: "refresh", expiresIn: 4500, referrers: true },
  aliyun: { auth: "bearer", users: { cr_temp_user: "secret" }, expiresIn: 3600 },
  harbor: {
    auth: "bearer",
    users: user,
    referrers: true,
    pageSize: 2,
    maxBody: 3 * 1024 * 1024,
    deviations: [
      ["GET /v2/_catalog", answer(403, "DENIED")],
      // https://github.com/goharbor/harbor/issues/17097
      ["from=missing%2Fapp", answer(401, "UNAUTHORIZED")],
      ["GET /v2/missing/app/tags/list", answer(404, "NOT_FOUND")],
      ["GET /v2/missing/app/referrers/", answer(404, "NOT_FOUND")],
    ],
  },
  quay: {
    auth: "bearer",
    users: user,
    referrers: true,
    pageSize: 2,
    deviations: [
      ["GET /v2/_catalog", unless((query) => Number(query.get("n")) > 100, 413, "PAGE_TOO_LARGE")],
      ["mount=", unless((query) => !query.has("from"), 400, "BLOB_UPLOAD_INVALID")],
    ],
  },
  artifactory: {
    auth: "basic",
    users: user,
    referrers: true,
    deviations: [["mount=", answer(405, "UNSUPPORTED")]],
  },
  "distribution-2.8": { deviations: [["/referrers/", page(404)], smallCatalogPages] },
  // its lists come in pages
  "distribution-3": { pageSize: 2, deviations: [["/referrers/", page(404)], smallCatalogPages] },
};

export const registryKinds = Object.keys(kinds) as readonly RegistryKind[];

/** A fake that behaves as one of the registries of this world is documented to. */
export const startRegistryLike = (kind: RegistryKind, more: FakeRegistryOptions = {}): Promise<FakeRegistry> =>
  startFakeRegistry({ ...kinds[kind], ...more });

/** What a credentials file holds for it. */
export function credentialsFor(kind: RegistryKind): Readonly<Record<string, string>> {
  const { users, identityToken } = kinds[kind];
  if (identityToken !== undefined) {
    // https://learn.microsoft.com/azure/container-registry/container-registry-authentication
    return { auth: toBase64("00000000-0000-0000-0000-000000000000:"), identitytoken: identityToken };
  }
  const [name, password] = Object.entries(users ?? {})[0] ?? [];
  return name === undefined ? {} : { auth: toBase64(`${name}:${password}`) };
}

const toBase64 = (text: string): string => Buffer.from(text).toString("base64");
