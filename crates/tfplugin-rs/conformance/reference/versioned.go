package main

import (
	"context"
	"encoding/json"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

// versioned has a past: version 0 called its name "title", version 1 had no labels.
type versioned struct{ scripted }

func versionedSchema() schema.Schema {
	made := base(map[string]schema.Attribute{
		"name":   schema.StringAttribute{Optional: true},
		"size":   schema.Int64Attribute{Optional: true},
		"number": schema.NumberAttribute{Optional: true},
	})
	made.Version = 2
	return made
}

func (versioned) UpgradeState(context.Context) map[int64]resource.StateUpgrader {
	return map[int64]resource.StateUpgrader{0: {StateUpgrader: fromTitle}, 1: {StateUpgrader: fromTitle}}
}

// older is the state of versions 0 and 1.
type older struct {
	Title  *string `json:"title"`
	Script *string `json:"script"`
}

// today is the state of the present version.
type today struct {
	Name   *string    `tfsdk:"name"`
	Number *big.Float `tfsdk:"number"`
	Script *string    `tfsdk:"script"`
	Size   *int64     `tfsdk:"size"`
	Stamp  *string    `tfsdk:"stamp"`
}

func fromTitle(ctx context.Context, req resource.UpgradeStateRequest, resp *resource.UpgradeStateResponse) {
	var state older
	if err := json.Unmarshal(req.RawState.JSON, &state); err != nil {
		resp.Diagnostics.AddError("Older state cannot be read", err.Error())
		return
	}
	if state.Script != nil && *state.Script == "upgrade_error" {
		resp.Diagnostics.AddError("Refused", "As the script says.")
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &today{Name: state.Title, Script: state.Script})...)
}

func (versioned) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{{StateMover: func(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
		if req.SourceTypeName != "other_thing" {
			return
		}
		var state older
		if err := json.Unmarshal(req.SourceRawState.JSON, &state); err != nil {
			resp.Diagnostics.AddError("Moved state cannot be read", err.Error())
			return
		}
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("name"), state.Title)...)
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("stamp"), req.SourceProviderAddress)...)
	}}}
}

func (versioned) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if !importScript(ctx, req.ID, req.ClientCapabilities.DeferralAllowed, resp) {
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("name"), req.ID)...)
}
