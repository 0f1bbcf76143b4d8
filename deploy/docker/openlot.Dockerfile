# The cloud. Built from the repository's root:
#   docker build -f deploy/docker/openlot.Dockerfile --build-arg VERSION=v0.2.0 -t openlot .
FROM golang:1.26 AS build
ARG VERSION=dev
WORKDIR /src
# What is rarely changed first, so that modules are fetched once.
COPY protocol/go.mod protocol/go.sum ./protocol/
COPY cloud/go.mod cloud/go.sum ./cloud/
RUN cd cloud && GOWORK=off go mod download
COPY protocol ./protocol
COPY cloud ./cloud
RUN cd cloud && GOWORK=off CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /openlot ./cmd/openlot

# Nothing but certificates, time zones and the program; user 65532.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /openlot /openlot
USER 65532:65532
# Only the names of ports are written there; with an external broker and database
# an empty volume will do, and the root may be read-only.
ENV OPENLOT_DATA_DIR=/data OPENLOT_HTTP=0.0.0.0:8080 OPENLOT_ADMIN=0.0.0.0:8081
VOLUME /data
EXPOSE 8080 8081
ENTRYPOINT ["/openlot"]
CMD ["serve"]
