# syntax=docker/dockerfile:1
# The image of stowage. docs/image.md says how to build it; tools/image.ts makes the same without a daemon.

# Releases pin it by digest: --build-arg NODE_IMAGE=docker.io/library/node:24.21.0-slim@sha256:…
ARG NODE_IMAGE=docker.io/library/node:24.21.0-slim

# What is built is the same for every platform.
FROM --platform=$BUILDPLATFORM $NODE_IMAGE AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY bin bin
COPY functions functions
COPY lib lib
COPY tools tools
RUN node tools/build.ts

FROM $NODE_IMAGE
ARG VERSION=0.1.0
ARG REVISION=
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE_DATE_EPOCH=0
LABEL org.opencontainers.image.title="stowage" \
      org.opencontainers.image.description="Serverless functions that do the release work of Kubernetes software for air-gapped places" \
      org.opencontainers.image.source="https://github.com/stowage/stowage" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"
WORKDIR /app
COPY --from=build /src/dist /app/dist
COPY triggers /app/triggers
RUN ln -s /app/dist/stowage.mjs /usr/local/bin/stowage && install -d -o 65532 -g 65532 /app/compile-cache
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/compile-cache
USER 65532:65532
# Node's cache belongs to its version, processor and user, so it is made here; nothing writes to it later.
RUN --mount=type=bind,source=image/warm.mjs,target=/warm.mjs HOME=/tmp node /warm.mjs /app/dist
ENTRYPOINT ["node", "/app/dist/container.mjs"]
