package main

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

// timed is a resource with timeouts as an attribute and as a block.
type timed struct{ scripted }

func timedSchema() schema.Schema {
	says := func(operation, standard string) string {
		return "How long `" + operation + "` may take, such as `30m` or `1h30m`. Default: `" + standard + "`."
	}
	ctx := context.Background()
	made := base(map[string]schema.Attribute{
		"name": schema.StringAttribute{Optional: true},
		"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
			Create: true, CreateDescription: says("create", "30m"),
			Delete: true, DeleteDescription: says("delete", "10m"),
		}),
	})
	made.Blocks = map[string]schema.Block{
		"limits": timeouts.Block(ctx, timeouts.Opts{
			Read: true, ReadDescription: says("read", "1m"),
			Update: true, UpdateDescription: says("update", "90s"),
		}),
	}
	return made
}

// seconds tells a limit as a text, rounded up.
func seconds(limit time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(limit.Seconds())), 10)
}

func (t timed) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var set timeouts.Value
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("timeouts"), &set)...)
	// What is no duration was told when the configuration was validated.
	limit, _ := set.Create(ctx, 30*time.Minute)
	if unknownStamp(req.Plan.Raw) {
		req.Plan.Raw, _ = with(req.Plan.Raw, "stamp", seconds(limit))
	}
	t.scripted.Create(ctx, req, resp)
}

func (t timed) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var set timeouts.Value
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("limits"), &set)...)
	limit, _ := set.Update(ctx, 90*time.Second)
	if unknownStamp(req.Plan.Raw) {
		req.Plan.Raw, _ = with(req.Plan.Raw, "stamp", seconds(limit))
	}
	t.scripted.Update(ctx, req, resp)
}

func (t timed) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var set timeouts.Value
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("limits"), &set)...)
	limit, _ := set.Read(ctx, time.Minute)
	t.scripted.Read(ctx, req, resp)
	if scriptOf(req.State.Raw) == "" {
		resp.State.Raw, _ = with(req.State.Raw, "stamp", seconds(limit))
	}
}

func (t timed) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var set timeouts.Value
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("timeouts"), &set)...)
	limit, _ := set.Delete(ctx, 10*time.Minute)
	if limit <= time.Minute {
		resp.Diagnostics.AddWarning("Short of time", "Deleting may take longer.")
	}
	t.scripted.Delete(ctx, req, resp)
}
